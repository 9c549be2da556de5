//! ISO BMFF boxes: a bounded reader and a writer that fills in sizes.

/// Why bytes could not be packaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    #[error("{what} ends early at byte {at}")]
    Short { what: &'static str, at: usize },
    #[error("no {0}")]
    Missing(&'static str),
    #[error("{0}")]
    Unsupported(&'static str),
    #[error("decode time {is} where {expected} was expected")]
    Gap { expected: u64, is: u64 },
    #[error("no key frame for {0} ms")]
    NoKeyFrame(u64),
    #[error("the rungs are cut at different times")]
    UnevenCuts,
}

/// A box type.
pub(crate) type FourCc = [u8; 4];

/// One box: its type, its payload, and where it starts in the slice that was walked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BoxRef<'a> {
    pub kind: FourCc,
    pub body: &'a [u8],
    pub start: usize,
}

/// Walks the boxes of a payload in order. Ends at the first malformed one with an error.
pub(crate) struct Boxes<'a> {
    data: &'a [u8],
    at: usize,
}

pub(crate) fn boxes(data: &[u8]) -> Boxes<'_> {
    Boxes { data, at: 0 }
}

impl<'a> Iterator for Boxes<'a> {
    type Item = Result<BoxRef<'a>, PackError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.data.len() {
            return None;
        }
        let start = self.at;
        match read_box(self.data, start) {
            Ok((item, end)) => {
                self.at = end;
                Some(Ok(item))
            }
            Err(e) => {
                self.at = self.data.len();
                Some(Err(e))
            }
        }
    }
}

fn read_box(data: &[u8], start: usize) -> Result<(BoxRef<'_>, usize), PackError> {
    let short = PackError::Short { what: "a box", at: start };
    let rest = data.get(start..).ok_or(short.clone())?;
    let mut r = Reader::new(rest);
    let (small, kind) = (r.u32()?, r.four()?);
    let (size, header) = match small {
        0 => (rest.len() as u64, 8),
        1 => (r.u64()?, 16),
        n => (u64::from(n), 8),
    };
    let size = usize::try_from(size).map_err(|_| short.clone())?;
    let body = rest.get(header..size).ok_or(short)?;
    Ok((BoxRef { kind, body, start }, start + size))
}

/// Type and length of every box at the top of a file.
pub fn top_level(data: &[u8]) -> Result<Vec<([u8; 4], usize)>, PackError> {
    let mut out = Vec::new();
    let mut walk = boxes(data);
    while let Some(b) = walk.next() {
        let b = b?;
        out.push((b.kind, walk.at - b.start));
    }
    Ok(out)
}

/// The first child of a type.
pub(crate) fn child<'a>(data: &'a [u8], kind: &FourCc, name: &'static str) -> Result<BoxRef<'a>, PackError> {
    for b in boxes(data) {
        let b = b?;
        if b.kind == *kind {
            return Ok(b);
        }
    }
    Err(PackError::Missing(name))
}

/// Reads big-endian numbers and never past the end.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }
    pub fn bytes(&mut self, n: usize) -> Result<&'a [u8], PackError> {
        let end = self.at.checked_add(n);
        let part = end.and_then(|end| self.data.get(self.at..end));
        let part = part.ok_or(PackError::Short { what: "a box", at: self.at })?;
        self.at += n;
        Ok(part)
    }
    pub fn skip(&mut self, n: usize) -> Result<(), PackError> {
        self.bytes(n).map(|_| ())
    }
    fn array<const N: usize>(&mut self) -> Result<[u8; N], PackError> {
        let mut out = [0u8; N];
        out.copy_from_slice(self.bytes(N)?);
        Ok(out)
    }
    pub fn u8(&mut self) -> Result<u8, PackError> {
        self.array::<1>().map(|b| b[0])
    }
    pub fn u16(&mut self) -> Result<u16, PackError> {
        self.array().map(u16::from_be_bytes)
    }
    pub fn u32(&mut self) -> Result<u32, PackError> {
        self.array().map(u32::from_be_bytes)
    }
    pub fn u64(&mut self) -> Result<u64, PackError> {
        self.array().map(u64::from_be_bytes)
    }
    pub fn four(&mut self) -> Result<FourCc, PackError> {
        self.array()
    }
    /// Version and flags of a full box.
    pub fn full(&mut self) -> Result<(u8, u32), PackError> {
        let word = self.u32()?;
        Ok(((word >> 24) as u8, word & 0x00ff_ffff))
    }
}

/// Appends boxes; the size is filled in when the closure is done.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pub out: Vec<u8>,
}

impl Writer {
    pub fn boxed(&mut self, kind: &FourCc, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let start = self.out.len();
        self.u32(0).raw(kind);
        fill(self);
        let size = (self.out.len() - start) as u32;
        self.out[start..start + 4].copy_from_slice(&size.to_be_bytes());
        self
    }
    pub fn full(
        &mut self,
        kind: &FourCc,
        version: u8,
        flags: u32,
        fill: impl FnOnce(&mut Self),
    ) -> &mut Self {
        self.boxed(kind, |w| {
            w.u32(u32::from(version) << 24 | flags);
            fill(w);
        })
    }
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.out.extend_from_slice(bytes);
        self
    }
    pub fn zeros(&mut self, n: usize) -> &mut Self {
        self.out.resize(self.out.len() + n, 0);
        self
    }
    pub fn u16(&mut self, v: u16) -> &mut Self {
        self.raw(&v.to_be_bytes())
    }
    pub fn u32(&mut self, v: u32) -> &mut Self {
        self.raw(&v.to_be_bytes())
    }
    pub fn u64(&mut self, v: u64) -> &mut Self {
        self.raw(&v.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_that_claims_more_than_there_is_ends_the_walk() {
        let data = [0, 0, 0, 9, b'f', b'r', b'e', b'e'];
        let walked: Vec<_> = boxes(&data).collect();
        assert!(matches!(walked.as_slice(), [Err(PackError::Short { .. })]));
    }

    #[test]
    fn a_box_smaller_than_its_header_ends_the_walk() {
        let data = [0, 0, 0, 4, b'f', b'r', b'e', b'e'];
        assert!(boxes(&data).next().is_some_and(|b| b.is_err()));
    }

    #[test]
    fn written_boxes_are_read_back() {
        let mut w = Writer::default();
        w.boxed(b"moov", |w| {
            w.full(b"mvhd", 1, 7, |w| {
                w.u64(42);
            });
        });
        let moov = child(&w.out, b"moov", "moov").expect("moov");
        let mvhd = child(moov.body, b"mvhd", "mvhd").expect("mvhd");
        let mut r = Reader::new(mvhd.body);
        assert_eq!(r.full(), Ok((1, 7)));
        assert_eq!(r.u64(), Ok(42));
    }
}
