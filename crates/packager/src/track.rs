//! Reads one fragmented track file into a flat list of samples.

use crate::boxes::{BoxRef, PackError, Reader, boxes, child};

/// More samples than three hours of 120 fps: a file that claims so many lies.
const SAMPLES_MAX: usize = 1_300_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Video,
    Audio,
}

/// One coded picture or sound frame and where its bytes stand in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    pub offset: usize,
    pub size: u32,
    /// In the track's timescale.
    pub duration: u32,
    /// Presentation minus decode time.
    pub shift: i32,
    pub key: bool,
}

/// A track file, read.
#[derive(Debug, Clone)]
pub struct Track<'a> {
    pub kind: Kind,
    pub timescale: u32,
    pub samples: Vec<Sample>,
    /// Payload of `stsd`, copied as it is into our init segments.
    pub(crate) stsd: &'a [u8],
    pub(crate) data: &'a [u8],
}

#[derive(Debug, Clone, Copy, Default)]
struct Defaults {
    duration: u32,
    size: u32,
    flags: u32,
}

const NON_SYNC: u32 = 0x0001_0000;

impl<'a> Track<'a> {
    /// Reads a file with exactly one track. Decode times must start at 0 and run without a gap.
    pub fn read(data: &'a [u8]) -> Result<Self, PackError> {
        let moov = child(data, b"moov", "moov")?;
        let mut track = Self::read_moov(moov.body, data)?;
        let defaults = read_trex(moov.body)?;
        let mut clock = 0u64;
        for b in boxes(data) {
            let b = b?;
            if b.kind == *b"moof" {
                track.read_moof(&b, defaults, &mut clock)?;
            }
        }
        track.start_at_zero();
        Ok(track)
    }

    /// Moves presentation so that the first picture is shown at 0. Encoders put it behind the pictures
    /// that are held back for reordering and mend that with an edit list, which players treat
    /// differently; composition offsets below zero say the same without one.
    fn start_at_zero(&mut self) {
        let (mut clock, mut first) = (0i64, i64::MAX);
        for s in &self.samples {
            first = first.min(clock + i64::from(s.shift));
            clock += i64::from(s.duration);
        }
        // Samples are few enough that nothing of a real file overflows; a hostile one stays as it is.
        let Ok(delay) = i32::try_from(first) else { return };
        if self.samples.iter().all(|s| s.shift.checked_sub(delay).is_some()) {
            self.samples.iter_mut().for_each(|s| s.shift -= delay);
        }
    }

    fn read_moov(moov: &'a [u8], data: &'a [u8]) -> Result<Self, PackError> {
        let traks = boxes(moov).filter(|b| b.as_ref().is_ok_and(|b| b.kind == *b"trak")).count();
        if traks != 1 {
            return Err(PackError::Unsupported("a track file has exactly one track"));
        }
        let trak = child(moov, b"trak", "trak")?;
        let mdia = child(trak.body, b"mdia", "mdia")?;
        let timescale = read_timescale(child(mdia.body, b"mdhd", "mdhd")?.body)?;
        let mut hdlr = Reader::new(child(mdia.body, b"hdlr", "hdlr")?.body);
        hdlr.skip(8)?;
        let kind = match &hdlr.four()? {
            b"vide" => Kind::Video,
            b"soun" => Kind::Audio,
            _ => return Err(PackError::Unsupported("a track that is neither picture nor sound")),
        };
        let minf = child(mdia.body, b"minf", "minf")?;
        let stbl = child(minf.body, b"stbl", "stbl")?;
        let stsd = child(stbl.body, b"stsd", "stsd")?.body;
        Ok(Self { kind, timescale, samples: Vec::new(), stsd, data })
    }

    fn read_moof(&mut self, moof: &BoxRef<'_>, trex: Defaults, clock: &mut u64) -> Result<(), PackError> {
        for traf in boxes(moof.body) {
            let traf = traf?;
            if traf.kind != *b"traf" {
                continue;
            }
            let (base, defaults) = read_tfhd(child(traf.body, b"tfhd", "tfhd")?.body, trex, moof.start)?;
            if let Ok(tfdt) = child(traf.body, b"tfdt", "tfdt") {
                let is = read_tfdt(tfdt.body)?;
                if is != *clock {
                    return Err(PackError::Gap { expected: *clock, is });
                }
            }
            let mut at = base;
            for trun in boxes(traf.body) {
                let trun = trun?;
                if trun.kind == *b"trun" {
                    self.read_trun(trun.body, Run { base, at: &mut at, clock, defaults })?;
                }
            }
        }
        Ok(())
    }

    fn read_trun(&mut self, body: &[u8], run: Run<'_>) -> Result<(), PackError> {
        let mut r = Reader::new(body);
        let (_, flags) = r.full()?;
        let count = r.u32()? as usize;
        if count > SAMPLES_MAX || self.samples.len() + count > SAMPLES_MAX {
            return Err(PackError::Unsupported("more samples than a video can have"));
        }
        let short = || PackError::Short { what: "a run of samples", at: run.base };
        if flags & 0x1 != 0 {
            let offset = i64::from(r.u32()? as i32);
            *run.at = usize::try_from(run.base as i64 + offset).map_err(|_| short())?;
        }
        let first_flags = if flags & 0x4 != 0 { Some(r.u32()?) } else { None };
        for i in 0..count {
            let duration = if flags & 0x100 != 0 { r.u32()? } else { run.defaults.duration };
            let size = if flags & 0x200 != 0 { r.u32()? } else { run.defaults.size };
            let own = if flags & 0x400 != 0 { r.u32()? } else { run.defaults.flags };
            let shift = if flags & 0x800 != 0 { r.u32()? as i32 } else { 0 };
            let sample_flags = first_flags.filter(|_| i == 0).unwrap_or(own);
            let end = run.at.checked_add(size as usize).filter(|end| *end <= self.data.len());
            let end = end.ok_or_else(short)?;
            let key = sample_flags & NON_SYNC == 0;
            self.samples.push(Sample { offset: *run.at, size, duration, shift, key });
            *run.at = end;
            *run.clock = run.clock.saturating_add(u64::from(duration));
        }
        Ok(())
    }

    /// The bytes of a sample.
    pub(crate) fn bytes(&self, s: &Sample) -> &'a [u8] {
        self.data.get(s.offset..s.offset + s.size as usize).unwrap_or_default()
    }

    /// Length in the track's timescale.
    pub fn ticks(&self) -> u64 {
        self.samples.iter().map(|s| u64::from(s.duration)).sum()
    }
}

struct Run<'a> {
    base: usize,
    at: &'a mut usize,
    clock: &'a mut u64,
    defaults: Defaults,
}

fn read_timescale(mdhd: &[u8]) -> Result<u32, PackError> {
    let mut r = Reader::new(mdhd);
    let (version, _) = r.full()?;
    r.skip(if version == 1 { 16 } else { 8 })?;
    match r.u32()? {
        0 => Err(PackError::Unsupported("a timescale of zero")),
        n => Ok(n),
    }
}

fn read_trex(moov: &[u8]) -> Result<Defaults, PackError> {
    let mvex = child(moov, b"mvex", "mvex")?;
    let mut r = Reader::new(child(mvex.body, b"trex", "trex")?.body);
    r.skip(12)?;
    Ok(Defaults { duration: r.u32()?, size: r.u32()?, flags: r.u32()? })
}

fn read_tfhd(body: &[u8], trex: Defaults, moof_start: usize) -> Result<(usize, Defaults), PackError> {
    let mut r = Reader::new(body);
    let (_, flags) = r.full()?;
    r.skip(4)?;
    let mut base = moof_start;
    if flags & 0x1 != 0 {
        let given = r.u64()?;
        base = usize::try_from(given).map_err(|_| PackError::Unsupported("a base offset beyond memory"))?;
    }
    if flags & 0x2 != 0 {
        r.skip(4)?;
    }
    let mut d = trex;
    if flags & 0x8 != 0 {
        d.duration = r.u32()?;
    }
    if flags & 0x10 != 0 {
        d.size = r.u32()?;
    }
    if flags & 0x20 != 0 {
        d.flags = r.u32()?;
    }
    Ok((base, d))
}

fn read_tfdt(body: &[u8]) -> Result<u64, PackError> {
    let mut r = Reader::new(body);
    let (version, _) = r.full()?;
    if version == 1 { r.u64() } else { r.u32().map(u64::from) }
}
