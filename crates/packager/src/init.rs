//! The init segment: what the tracks are, and no samples.

use crate::boxes::{PackError, Writer};
use crate::codec::{is_av1, video_size};
use crate::track::{Kind, Track};

const MOVIE_TIMESCALE: u32 = 1000;
const UNITY: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

/// `ftyp` + `moov` for tracks numbered from 1.
pub(crate) fn init_segment(tracks: &[&Track<'_>]) -> Result<Vec<u8>, PackError> {
    let mut sizes = Vec::new();
    for t in tracks {
        sizes.push(if t.kind == Kind::Video { video_size(t.stsd)? } else { (0, 0) });
    }
    let mut w = Writer::default();
    w.boxed(b"ftyp", |w| {
        let codec = if tracks.iter().any(|t| is_av1(t.stsd)) { b"av01" } else { b"avc1" };
        w.raw(b"iso6").u32(512).raw(b"iso6isom").raw(codec).raw(b"mp41");
    });
    w.boxed(b"moov", |w| {
        movie_header(w, tracks.len() as u32);
        for (i, track) in tracks.iter().enumerate() {
            w.boxed(b"trak", |w| trak(w, i as u32 + 1, track, sizes[i]));
        }
        w.boxed(b"mvex", |w| {
            for i in 0..tracks.len() as u32 {
                w.full(b"trex", 0, 0, |w| {
                    w.u32(i + 1).u32(1).zeros(12);
                });
            }
        });
    });
    Ok(w.out)
}

fn movie_header(w: &mut Writer, tracks: u32) {
    w.full(b"mvhd", 0, 0, |w| {
        w.zeros(8).u32(MOVIE_TIMESCALE).u32(0);
        w.u32(0x1_0000).u16(0x100).zeros(10);
        for m in UNITY {
            w.u32(m);
        }
        w.zeros(24).u32(tracks + 1);
    });
}

fn trak(w: &mut Writer, id: u32, track: &Track<'_>, (width, height): (u32, u32)) {
    let sound = track.kind == Kind::Audio;
    // Enabled and in the movie.
    w.full(b"tkhd", 0, 3, |w| {
        w.zeros(8).u32(id).zeros(8).zeros(8);
        w.u16(0).u16(u16::from(sound)).u16(if sound { 0x100 } else { 0 }).u16(0);
        for m in UNITY {
            w.u32(m);
        }
        w.u32(width << 16).u32(height << 16);
    });
    w.boxed(b"mdia", |w| {
        w.full(b"mdhd", 0, 0, |w| {
            // 0x55c4 = "und", no language.
            w.zeros(8).u32(track.timescale).u32(0).u16(0x55c4).u16(0);
        });
        w.full(b"hdlr", 0, 0, |w| {
            w.u32(0).raw(if sound { b"soun" } else { b"vide" }).zeros(12).raw(b"\0");
        });
        w.boxed(b"minf", |w| media_information(w, track));
    });
}

fn media_information(w: &mut Writer, track: &Track<'_>) {
    match track.kind {
        Kind::Audio => w.full(b"smhd", 0, 0, |w| {
            w.zeros(4);
        }),
        Kind::Video => w.full(b"vmhd", 0, 1, |w| {
            w.zeros(8);
        }),
    };
    w.boxed(b"dinf", |w| {
        w.full(b"dref", 0, 0, |w| {
            w.u32(1);
            // Flag 1: the media is in this very file.
            w.full(b"url ", 0, 1, |_| {});
        });
    });
    w.boxed(b"stbl", |w| {
        w.boxed(b"stsd", |w| {
            w.raw(track.stsd);
        });
        for empty in [b"stts", b"stsc", b"stco"] {
            w.full(empty, 0, 0, |w| {
                w.u32(0);
            });
        }
        w.full(b"stsz", 0, 0, |w| {
            w.u32(0).u32(0);
        });
    });
}
