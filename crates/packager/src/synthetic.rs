//! Track files made of nothing, for tests and in-memory encoders: real structure, noise for pictures.

use crate::boxes::Writer;
use crate::track::Kind;

/// What to make up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Synthetic {
    pub width: u16,
    pub height: u16,
    pub fps: u32,
    pub frames: u32,
    /// Frames from one key frame to the next.
    pub gop: u32,
    /// Bytes of a key frame; the others have a tenth.
    pub key_bytes: u32,
}

const AUDIO_RATE: u32 = 48_000;
const AAC_FRAME: u32 = 1024;

/// A video track file as `ffmpeg -movflags +cmaf` lays it out.
pub fn video_track(s: Synthetic) -> Vec<u8> {
    picture_track(s, (b"avc1", b"avcC"), &[1, 0x64, 0, 0x1f, 0xff, 0xe0, 0])
}

/// The same, of AV1.
pub fn av1_track(s: Synthetic) -> Vec<u8> {
    picture_track(s, (b"av01", b"av1C"), &[0x81, 5, 0x0c, 0])
}

fn picture_track(s: Synthetic, (entry, configuration): (&[u8; 4], &[u8; 4]), codec: &[u8]) -> Vec<u8> {
    let mut w = Writer::default();
    head(&mut w, Kind::Video, s.fps * 512, |w| {
        w.boxed(entry, |w| {
            w.zeros(6).u16(1).zeros(16).u16(s.width).u16(s.height);
            w.u32(0x48_0000).u32(0x48_0000).zeros(4).u16(1).zeros(32).u16(24).u16(0xffff);
            w.boxed(configuration, |w| {
                w.raw(codec);
            });
        });
    });
    let mut at = 0;
    while at < s.frames {
        let n = s.gop.max(1).min(s.frames - at);
        let sizes: Vec<u32> =
            (0..n).map(|i| if i == 0 { s.key_bytes } else { s.key_bytes / 10 + 1 }).collect();
        fragment(&mut w, u64::from(at) * 512, 512, &sizes, true);
        at += n;
    }
    w.out
}

/// An AAC track file of at least `ms` milliseconds, one fragment every two seconds.
pub fn audio_track(ms: u64) -> Vec<u8> {
    let mut w = Writer::default();
    head(&mut w, Kind::Audio, AUDIO_RATE, |w| {
        w.boxed(b"mp4a", |w| {
            w.zeros(6).u16(1).zeros(8).u16(2).u16(16).zeros(4).u32(AUDIO_RATE << 16);
            w.full(b"esds", 0, 0, |w| {
                w.raw(&[3, 25, 0, 2, 0, 4, 17, 0x40, 0x15]).zeros(11).raw(&[5, 2, 0x11, 0x90, 6, 1, 2]);
            });
        });
    });
    let total = (ms * u64::from(AUDIO_RATE) / 1000).div_ceil(u64::from(AAC_FRAME)) as u32;
    let each = 2 * AUDIO_RATE / AAC_FRAME;
    let mut at = 0;
    while at < total {
        let n = each.min(total - at);
        fragment(&mut w, u64::from(at) * u64::from(AAC_FRAME), AAC_FRAME, &vec![200; n as usize], false);
        at += n;
    }
    w.out
}

fn head(w: &mut Writer, kind: Kind, timescale: u32, entry: impl FnOnce(&mut Writer)) {
    w.boxed(b"ftyp", |w| {
        w.raw(b"iso6").u32(512).raw(b"iso6cmfc");
    });
    w.boxed(b"moov", |w| {
        w.boxed(b"trak", |w| {
            w.boxed(b"mdia", |w| {
                w.full(b"mdhd", 0, 0, |w| {
                    w.zeros(8).u32(timescale).u32(0).u32(0x55c4_0000);
                });
                w.full(b"hdlr", 0, 0, |w| {
                    w.u32(0).raw(if kind == Kind::Video { b"vide" } else { b"soun" }).zeros(13);
                });
                w.boxed(b"minf", |w| {
                    w.boxed(b"stbl", |w| {
                        w.full(b"stsd", 0, 0, |w| {
                            w.u32(1);
                            entry(w);
                        });
                    });
                });
            });
        });
        w.boxed(b"mvex", |w| {
            w.full(b"trex", 0, 0, |w| {
                w.u32(1).u32(1).zeros(12);
            });
        });
    });
}

fn fragment(w: &mut Writer, clock: u64, duration: u32, sizes: &[u32], first_key_only: bool) {
    let start = w.out.len();
    let mut patch = 0;
    w.boxed(b"moof", |w| {
        w.full(b"mfhd", 0, 0, |w| {
            w.u32(1);
        });
        w.boxed(b"traf", |w| {
            let flags = if first_key_only { 0x0101_0000 } else { 0x0200_0000 };
            w.full(b"tfhd", 0, 0x02_0028, |w| {
                w.u32(1).u32(duration).u32(flags);
            });
            w.full(b"tfdt", 1, 0, |w| {
                w.u64(clock);
            });
            w.full(b"trun", 0, 0x205, |w| {
                w.u32(sizes.len() as u32);
                patch = w.out.len();
                w.u32(0).u32(0x0200_0000);
                for size in sizes {
                    w.u32(*size);
                }
            });
        });
    });
    let data_at = (w.out.len() - start + 8) as u32;
    w.out[patch..patch + 4].copy_from_slice(&data_at.to_be_bytes());
    w.boxed(b"mdat", |w| {
        for (i, size) in sizes.iter().enumerate() {
            // Noise that differs from sample to sample, so that a mix-up shows.
            let seed = clock as u32 ^ i as u32;
            w.out.extend((0..*size).map(|b| (b ^ seed).wrapping_mul(0x9e37_79b1).to_be_bytes()[0]));
        }
    });
}
