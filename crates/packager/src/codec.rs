//! RFC 6381 codec strings and picture sizes, read from sample descriptions.

use crate::boxes::{BoxRef, PackError, Reader, boxes, child};

/// Bytes of a `VisualSampleEntry` before its child boxes.
const VISUAL_ENTRY_BYTES: usize = 78;
/// Bytes of an `AudioSampleEntry` before its child boxes.
const AUDIO_ENTRY_BYTES: usize = 28;

fn entry(stsd: &[u8]) -> Result<BoxRef<'_>, PackError> {
    let body = stsd.get(8..).ok_or(PackError::Short { what: "stsd", at: 0 })?;
    boxes(body).next().ok_or(PackError::Missing("sample entry"))?
}

/// `avc1.64001f` and the like.
pub(crate) fn video_codec(stsd: &[u8]) -> Result<String, PackError> {
    let e = entry(stsd)?;
    if e.kind != *b"avc1" {
        return Err(PackError::Unsupported("a video codec other than H.264"));
    }
    let children = e.body.get(VISUAL_ENTRY_BYTES..).ok_or(PackError::Short { what: "avc1", at: 0 })?;
    let mut r = Reader::new(child(children, b"avcC", "avcC")?.body);
    r.skip(1)?;
    Ok(format!("avc1.{:02x}{:02x}{:02x}", r.u8()?, r.u8()?, r.u8()?))
}

/// Width and height in pixels.
pub(crate) fn video_size(stsd: &[u8]) -> Result<(u32, u32), PackError> {
    let e = entry(stsd)?;
    let mut r = Reader::new(e.body);
    r.skip(24)?;
    Ok((u32::from(r.u16()?), u32::from(r.u16()?)))
}

/// `mp4a.40.2` and the like.
pub(crate) fn audio_codec(stsd: &[u8]) -> Result<String, PackError> {
    let e = entry(stsd)?;
    if e.kind != *b"mp4a" {
        return Err(PackError::Unsupported("an audio codec other than AAC"));
    }
    let children = e.body.get(AUDIO_ENTRY_BYTES..).ok_or(PackError::Short { what: "mp4a", at: 0 })?;
    let mut r = Reader::new(child(children, b"esds", "esds")?.body);
    r.full()?;
    descriptor(&mut r, 3)?;
    r.skip(2)?;
    let flags = r.u8()?;
    if flags & 0x80 != 0 {
        r.skip(2)?;
    }
    if flags & 0x40 != 0 {
        let n = r.u8()?;
        r.skip(usize::from(n))?;
    }
    if flags & 0x20 != 0 {
        r.skip(2)?;
    }
    descriptor(&mut r, 4)?;
    let object_type = r.u8()?;
    r.skip(12)?;
    if object_type != 0x40 {
        return Ok(format!("mp4a.{object_type:02x}"));
    }
    descriptor(&mut r, 5)?;
    let (a, b) = (r.u8()?, r.u8()?);
    let profile = match a >> 3 {
        31 => 32 + ((a & 7) << 3 | b >> 5),
        n => n,
    };
    Ok(format!("mp4a.40.{profile}"))
}

/// Skips the header of an MPEG-4 descriptor with this tag: up to four length bytes.
fn descriptor(r: &mut Reader<'_>, tag: u8) -> Result<(), PackError> {
    if r.u8()? != tag {
        return Err(PackError::Missing("descriptor in esds"));
    }
    for _ in 0..4 {
        if r.u8()? & 0x80 == 0 {
            return Ok(());
        }
    }
    Err(PackError::Unsupported("a descriptor longer than 256 MB"))
}
