//! Matroska files out of elements.

use super::h264::Grey;
use super::mp4::cat;

/// A size that says "until the end, wherever that is".
pub const UNKNOWN: u64 = 0x00ff_ffff_ffff_ffff;

fn id_bytes(id: u32) -> Vec<u8> {
    id.to_be_bytes().into_iter().skip_while(|b| *b == 0).collect()
}

/// An element with a size of its own choosing.
pub fn claims(id: u32, size: u64, body: &[u8]) -> Vec<u8> {
    cat(&[&id_bytes(id), &(size | 0x0100_0000_0000_0000).to_be_bytes(), body])
}

pub fn el(id: u32, body: &[u8]) -> Vec<u8> {
    claims(id, body.len() as u64, body)
}

pub fn number(id: u32, value: u64) -> Vec<u8> {
    el(id, &value.to_be_bytes())
}

pub fn head(doc_type: &str) -> Vec<u8> {
    let inside = [
        number(0x4286, 1),
        number(0x42f7, 1),
        number(0x42f2, 4),
        number(0x42f3, 8),
        el(0x4282, doc_type.as_bytes()),
        number(0x4287, 4),
        number(0x4285, 2),
    ];
    el(0x1a45_dfa3, &inside.concat())
}

/// Info: a tick is a millisecond.
pub fn info(duration_ms: f64) -> Vec<u8> {
    let length = el(0x4489, &duration_ms.to_be_bytes());
    el(0x1549_a966, &cat(&[&number(0x2a_d7b1, 1_000_000), &length]))
}

/// The tracks element with one H.264 track and whatever else belongs into its entry.
pub fn tracks(grey: Grey, more: &[u8]) -> Vec<u8> {
    el(0x1654_ae6b, &entry(grey, 1, more))
}

pub fn entry(grey: Grey, n: u64, more: &[u8]) -> Vec<u8> {
    let size = el(0xe0, &cat(&[&number(0xb0, u64::from(grey.width)), &number(0xba, u64::from(grey.height))]));
    let inside = [
        number(0xd7, n),
        number(0x73c5, n),
        number(0x83, 1),
        el(0x86, b"V_MPEG4/ISO/AVC"),
        el(0x63a2, &grey.config()),
        size,
        more.to_vec(),
    ];
    el(0xae, &inside.concat())
}

/// A simple block of track 1; `flags` 0x80 is a key frame, 0x02…0x06 are lacings.
pub fn block(offset: i16, flags: u8, data: &[u8]) -> Vec<u8> {
    el(0xa3, &cat(&[&[0x81], &offset.to_be_bytes(), &[flags], data]))
}

pub fn cluster(time: u64, blocks: &[Vec<u8>]) -> Vec<u8> {
    el(0x1f43_b675, &cat(&[&number(0xe7, time), &blocks.concat()]))
}

/// A file of one segment.
pub fn file(parts: &[Vec<u8>]) -> Vec<u8> {
    cat(&[&head("matroska"), &el(0x1853_8067, &parts.concat())])
}

/// A file whose pictures are shown at these times.
pub fn shown_at(grey: Grey, times_ms: &[u64], said_ms: f64) -> Vec<u8> {
    let mut parts = vec![info(said_ms), tracks(grey, &[])];
    for (n, t) in times_ms.iter().enumerate() {
        let data = if n == 0 { grey.key() } else { grey.same(n as u32) };
        parts.push(cluster(*t, &[block(0, if n == 0 { 0x80 } else { 0 }, &data)]));
    }
    file(&parts)
}
