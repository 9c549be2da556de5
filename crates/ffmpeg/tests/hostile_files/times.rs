//! Clocks that jump, stand still, run backwards or never were.

use super::h264::Grey;
use super::mp4::Clip;
use super::{Hostile, hostile, mkv};

pub fn files() -> Vec<Hostile> {
    let grey = Grey::new(320, 240);
    let times = |step: fn(u64) -> u64| (0..60).map(step).collect::<Vec<_>>();
    let mut zero = Clip::new(320, 240, 60);
    zero.timescale = 0;
    let before: Vec<Vec<u8>> = (0..30).map(|n| mkv::block(i16::MIN + n, 0x80, &grey.key())).collect();
    let parts = |said| [mkv::info(said), mkv::tracks(grey, &[])].concat();
    vec![
        hostile(
            "pictures_20000_s_apart.mkv",
            "media.too_long",
            mkv::shown_at(grey, &[0, 20_000_000, 40_000_000], 100.0),
        ),
        hostile(
            "pictures_50_s_apart.mkv",
            "published",
            mkv::shown_at(grey, &[0, 50_000, 100_000], 150_000.0),
        ),
        hostile(
            "pictures_at_the_end_of_time.mkv",
            "media.too_long|media.truncated",
            mkv::shown_at(grey, &[0, u64::MAX >> 1, u64::MAX], 1.0),
        ),
        hostile(
            "pictures_all_at_once.mkv",
            "media.too_short|media.unsupported_codec",
            mkv::shown_at(grey, &times(|_| 0), 2_000.0),
        ),
        hostile(
            "pictures_4000_at_each_moment.mkv",
            "media.unsupported_codec",
            mkv::shown_at(grey, &(0..120_000).map(|n| n / 4_000 * 33).collect::<Vec<_>>(), 1_000.0),
        ),
        hostile(
            "pictures_backwards.mkv",
            "published|media.unreadable|media.truncated",
            mkv::shown_at(grey, &times(|n| (60 - n) * 33), 2_000.0),
        ),
        hostile(
            "pictures_to_and_fro.mkv",
            "media.too_long|published",
            mkv::shown_at(grey, &times(|n| if n % 2 == 0 { n * 33 } else { 150_000 - n * 33 }), 2_000.0),
        ),
        hostile(
            "pictures_before_zero.mkv",
            "media.no_video",
            mkv::file(&[parts(1_000.0), mkv::cluster(0, &before)]),
        ),
        hostile(
            "length_not_a_number.mkv",
            "published|media.truncated",
            mkv::shown_at(grey, &times(|n| n * 33), f64::NAN),
        ),
        hostile(
            "length_endless.mkv",
            "published|media.truncated",
            mkv::shown_at(grey, &times(|n| n * 33), f64::INFINITY),
        ),
        hostile(
            "timescale_zero.mp4",
            "published|media.unreadable|media.too_long|media.truncated",
            zero.file(),
        ),
    ]
}
