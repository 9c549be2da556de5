//! The seed's ladder bands (§4), by short side of the display size.

use crate::unit::Kbps;
use serde::{Deserialize, Serialize};

/// A rung's name is its short side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RungName(pub u16);

impl core::fmt::Display for RungName {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}p", self.0)
    }
}

/// How the pictures of a rung are coded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// What everything plays.
    #[default]
    H264,
    /// A third smaller at the same quality, where it plays.
    Av1,
}

impl Codec {
    /// Of an RFC 6381 list, e.g. `av01.0.05M.08,mp4a.40.2`.
    pub fn of(codecs: &str) -> Self {
        if codecs.split(',').any(|c| c.trim_start().starts_with("av01")) { Self::Av1 } else { Self::H264 }
    }

    pub fn is_h264(&self) -> bool {
        *self == Self::H264
    }
}

/// One step of the plan: a size and the band its video bitrate stays in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    pub name: RungName,
    pub min_kbps: Kbps,
    pub max_kbps: Kbps,
}

/// 426×240 @ 250–400, 640×360 @ 400–700, 960×540 @ 800–1100, 1280×720 @ 1400–2000 kbps (seed §4).
pub const SEED_LADDER: [Rung; 4] = [
    Rung { name: RungName(240), min_kbps: Kbps(250), max_kbps: Kbps(400) },
    Rung { name: RungName(360), min_kbps: Kbps(400), max_kbps: Kbps(700) },
    Rung { name: RungName(540), min_kbps: Kbps(800), max_kbps: Kbps(1100) },
    Rung { name: RungName(720), min_kbps: Kbps(1400), max_kbps: Kbps(2000) },
];

/// The rung playback starts with (seed §8: 360p unless the network is known to be strong).
pub const START_RUNG: RungName = RungName(360);

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn a_codec_is_known_by_its_registered_name() {
        assert_eq!(Codec::of("avc1.64001f,mp4a.40.2"), Codec::H264);
        assert_eq!(Codec::of("av01.0.05M.08,mp4a.40.2"), Codec::Av1);
        assert_eq!(Codec::of("mp4a.40.2, av01.0.05M.08"), Codec::Av1);
        assert_eq!(Codec::of(""), Codec::default());
    }

    #[test]
    fn the_ladder_is_the_seeds_four_rungs() {
        let bands: Vec<_> = SEED_LADDER.iter().map(|r| (r.name.0, r.min_kbps.0, r.max_kbps.0)).collect();
        assert_eq!(bands, [(240, 250, 400), (360, 400, 700), (540, 800, 1100), (720, 1400, 2000)]);
    }
}
