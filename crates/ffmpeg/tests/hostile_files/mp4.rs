//! MP4 files out of boxes, with every table open to lies.

use super::h264::Grey;

pub fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut out = ((body.len() + 8) as u32).to_be_bytes().to_vec();
    out.extend(kind);
    out.extend(body);
    out
}

/// Big-endian words.
pub fn be(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|w| w.to_be_bytes()).collect()
}

pub fn cat(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

pub fn ftyp() -> Vec<u8> {
    boxed(b"ftyp", b"isom\0\0\x02\0isomiso2avc1mp41")
}

/// A picture track and what is odd about it.
#[derive(Clone)]
pub struct Clip {
    pub grey: Grey,
    /// What `stsd` says the size is.
    pub said: (u16, u16),
    pub samples: Vec<Vec<u8>>,
    pub timescale: u32,
    pub delta: u32,
    /// Children of `stbl` in place of the right ones, by kind.
    pub tables: Vec<([u8; 4], Vec<u8>)>,
    pub edits: Option<Vec<u8>>,
    /// Body of `dref`.
    pub refs: Vec<u8>,
    /// More boxes, inside the track and inside the movie.
    pub in_track: Vec<u8>,
    pub in_movie: Vec<u8>,
    pub entry: [u8; 4],
    pub handler: [u8; 4],
}

impl Clip {
    /// `count` pictures, 30 a second.
    pub fn new(width: u32, height: u32, count: u32) -> Self {
        let grey = Grey::new(width, height);
        Self {
            grey,
            said: (width.min(65_535) as u16, height.min(65_535) as u16),
            samples: grey.pictures(count),
            timescale: 30,
            delta: 1,
            tables: Vec::new(),
            edits: None,
            refs: cat(&[&be(&[0, 1]), &boxed(b"url ", &be(&[1]))]),
            in_track: Vec::new(),
            in_movie: Vec::new(),
            entry: *b"avc1",
            handler: *b"vide",
        }
    }

    pub fn table(mut self, kind: &[u8; 4], body: Vec<u8>) -> Self {
        self.tables.push((*kind, body));
        self
    }

    pub fn edits(mut self, body: Vec<u8>) -> Self {
        self.edits = Some(body);
        self
    }

    fn length(&self) -> u32 {
        (self.samples.len() as u32).wrapping_mul(self.delta)
    }

    fn stsd(&self) -> Vec<u8> {
        let mut entry = cat(&[&[0; 6], &[0, 1], &[0; 16]]);
        entry.extend(self.said.0.to_be_bytes());
        entry.extend(self.said.1.to_be_bytes());
        entry.extend(be(&[0x48_0000, 0x48_0000, 0]));
        entry.extend([0, 1]);
        entry.extend([0; 32]);
        entry.extend([0, 24, 255, 255]);
        entry.extend(boxed(b"avcC", &self.grey.config()));
        cat(&[&be(&[0, 1]), &boxed(&self.entry, &entry)])
    }

    fn stbl(&self, data_at: u32) -> Vec<u8> {
        let n = self.samples.len() as u32;
        let sizes: Vec<u32> = self.samples.iter().map(|s| s.len() as u32).collect();
        let right = [
            (*b"stsd", self.stsd()),
            (*b"stts", be(&[0, 1, n, self.delta])),
            (*b"stss", be(&[0, 1, 1])),
            (*b"stsc", be(&[0, 1, 1, n, 1])),
            (*b"stsz", cat(&[&be(&[0, 0, n]), &be(&sizes)])),
            (*b"stco", be(&[0, 1, data_at])),
        ];
        let mut out = Vec::new();
        for (kind, body) in &right {
            if !self.tables.iter().any(|t| t.0 == *kind) {
                out.extend(boxed(kind, body));
            }
        }
        // An empty body leaves the table out.
        for (kind, body) in self.tables.iter().filter(|t| !t.1.is_empty()) {
            out.extend(boxed(kind, body));
        }
        out
    }

    /// The track, with its samples at a place in the file.
    pub fn track(&self, id: u32, data_at: u32) -> Vec<u8> {
        let matrix = be(&[0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000]);
        let tkhd = cat(&[
            &be(&[3, 0, 0, id, 0, self.length(), 0, 0, 0, 0]),
            &matrix,
            &be(&[u32::from(self.said.0) << 16, u32::from(self.said.1) << 16]),
        ]);
        let mdhd = be(&[0, 0, 0, self.timescale, self.length(), 0x55c4_0000]);
        let hdlr = cat(&[&be(&[0, 0]), &self.handler, &be(&[0, 0, 0]), b"\0"]);
        let dinf = boxed(b"dinf", &boxed(b"dref", &self.refs));
        let stbl = boxed(b"stbl", &self.stbl(data_at));
        let minf = boxed(b"minf", &cat(&[&boxed(b"vmhd", &be(&[1, 0, 0])), &dinf, &stbl]));
        let mdia = boxed(b"mdia", &cat(&[&boxed(b"mdhd", &mdhd), &boxed(b"hdlr", &hdlr), &minf]));
        let edts = self.edits.as_ref().map_or_else(Vec::new, |e| boxed(b"edts", &boxed(b"elst", e)));
        boxed(b"trak", &cat(&[&boxed(b"tkhd", &tkhd), &edts, &mdia, &self.in_track]))
    }

    /// The movie box with these tracks.
    pub fn movie(&self, tracks: &[Vec<u8>]) -> Vec<u8> {
        let matrix = be(&[0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000]);
        let mvhd = cat(&[
            &be(&[0, 0, 0, self.timescale, self.length(), 0x1_0000, 0x0100_0000, 0, 0]),
            &matrix,
            &be(&[0, 0, 0, 0, 0, 0, tracks.len() as u32 + 1]),
        ]);
        boxed(b"moov", &cat(&[&boxed(b"mvhd", &mvhd), &tracks.concat(), &self.in_movie]))
    }

    /// `ftyp`, `mdat`, `moov`.
    pub fn file(&self) -> Vec<u8> {
        self.with_tracks(1)
    }

    /// The same track many times over the same bytes.
    pub fn with_tracks(&self, count: u32) -> Vec<u8> {
        let (head, data) = (ftyp(), boxed(b"mdat", &self.samples.concat()));
        let at = head.len() as u32 + 8;
        let tracks: Vec<Vec<u8>> = (1..=count).map(|id| self.track(id, at)).collect();
        cat(&[&head, &data, &self.movie(&tracks)])
    }

    /// `ftyp`, an empty `moov` and one fragment with this `traf`.
    pub fn fragment(&self, traf: &[u8]) -> Vec<u8> {
        let mut empty = self.clone();
        empty.tables = [b"stts", b"stsc", b"stco"].map(|k| (*k, be(&[0, 0]))).to_vec();
        empty.tables.push((*b"stsz", be(&[0, 0, 0])));
        empty.in_movie = boxed(b"mvex", &boxed(b"trex", &be(&[0, 1, 1, self.delta, 0, 0])));
        let moof = boxed(b"moof", &cat(&[&boxed(b"mfhd", &be(&[0, 1])), &boxed(b"traf", traf)]));
        let data = boxed(b"mdat", &self.samples.concat());
        cat(&[&ftyp(), &empty.movie(&[empty.track(1, 0)]), &moof, &data])
    }
}
