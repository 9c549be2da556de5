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

/// How bright the picture may be: what `VIDEO-RANGE` says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Range {
    #[default]
    Sdr,
    Hlg,
    Pq,
}

impl Range {
    /// As the multivariant playlist writes it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sdr => "SDR",
            Self::Hlg => "HLG",
            Self::Pq => "PQ",
        }
    }
}

fn visual_children<'a>(e: &BoxRef<'a>) -> Result<&'a [u8], PackError> {
    e.body.get(VISUAL_ENTRY_BYTES..).ok_or(PackError::Short { what: "a picture's description", at: 0 })
}

/// `avc1.64001f`, `av01.0.05M.08` and the like.
pub(crate) fn video_codec(stsd: &[u8]) -> Result<String, PackError> {
    let e = entry(stsd)?;
    let children = visual_children(&e)?;
    match &e.kind {
        b"avc1" => {
            let mut r = Reader::new(child(children, b"avcC", "avcC")?.body);
            r.skip(1)?;
            Ok(format!("avc1.{:02x}{:02x}{:02x}", r.u8()?, r.u8()?, r.u8()?))
        }
        b"av01" => av1_codec(child(children, b"av1C", "av1C")?.body),
        _ => Err(PackError::Unsupported("a video codec other than H.264 and AV1")),
    }
}

/// `av01.<profile>.<level><tier>.<bits>`: the short form, which says 4:2:0, BT.709, studio range.
fn av1_codec(av1c: &[u8]) -> Result<String, PackError> {
    let mut r = Reader::new(av1c);
    r.skip(1)?;
    let (levels, depths) = (r.u8()?, r.u8()?);
    let (profile, level) = (levels >> 5, levels & 0x1f);
    let tier = if depths & 0x80 != 0 { 'H' } else { 'M' };
    let bits = match (depths & 0x40 != 0, depths & 0x20 != 0) {
        (false, _) => 8,
        (true, true) if profile == 2 => 12,
        (true, _) => 10,
    };
    Ok(format!("av01.{profile}.{level:02}{tier}.{bits:02}"))
}

/// Whether the picture is AV1, which init segments name among their brands.
pub(crate) fn is_av1(stsd: &[u8]) -> bool {
    entry(stsd).is_ok_and(|e| e.kind == *b"av01")
}

/// From the transfer function the sample description names; none is SDR.
pub(crate) fn video_range(stsd: &[u8]) -> Result<Range, PackError> {
    let e = entry(stsd)?;
    let Ok(colr) = child(visual_children(&e)?, b"colr", "colr") else { return Ok(Range::Sdr) };
    let mut r = Reader::new(colr.body);
    if r.four()? != *b"nclx" {
        return Ok(Range::Sdr);
    }
    r.skip(2)?;
    Ok(match r.u16()? {
        16 => Range::Pq,
        18 => Range::Hlg,
        _ => Range::Sdr,
    })
}

/// Width and height in pixels.
pub(crate) fn video_size(stsd: &[u8]) -> Result<(u32, u32), PackError> {
    let e = entry(stsd)?;
    let mut r = Reader::new(e.body);
    r.skip(24)?;
    Ok((u32::from(r.u16()?), u32::from(r.u16()?)))
}

/// Channels of the sound.
pub(crate) fn audio_channels(stsd: &[u8]) -> Result<u16, PackError> {
    let e = entry(stsd)?;
    let mut r = Reader::new(e.body);
    r.skip(16)?;
    r.u16()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn av1_is_named_by_profile_level_tier_and_depth() {
        for (bytes, name) in [
            ([0x81, 0x05, 0x0c, 0], "av01.0.05M.08"),
            ([0x81, 0x08, 0x0c, 0], "av01.0.08M.08"),
            ([0x81, 0x0d, 0xcc, 0], "av01.0.13H.10"),
            ([0x81, 0x4d, 0x60, 0], "av01.2.13M.12"),
            ([0x81, 0x20, 0x00, 0], "av01.1.00M.08"),
        ] {
            assert_eq!(av1_codec(&bytes).as_deref(), Ok(name));
        }
        assert!(av1_codec(&[0x81, 0x05]).is_err());
    }
}
