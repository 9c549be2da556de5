//! AV1 beside H.264: which rungs, at which quality, and which of them are worth showing (ADR 0017). Pure.

use crate::ladder::LadderPlan;
use crate::policy::{Av1Policy, LadderProfile};
use crate::waves::Wave;
use catalog::{Package, QualityFacts, RenditionFacts};
use packager::Rendition;
use vocab::{Codec, Kbps, RungName};

impl Av1Policy {
    /// Whether a video with so many views gets AV1 rungs.
    pub fn has_found_viewers(&self, views: u64) -> bool {
        self.after_views.is_some_and(|enough| views >= enough)
    }

    /// The rungs that a package shows in H.264 and never had in AV1, smallest first.
    pub fn missing(&self, package: &Package) -> Vec<RungName> {
        if self.after_views.is_none() {
            return vec![];
        }
        let wanted = |r: &&RenditionFacts| {
            r.codec().is_h264() && self.rungs.contains(&r.rung) && !package.tracks.av1.contains(&r.rung)
        };
        let mut missing: Vec<RungName> = package.renditions.iter().filter(wanted).map(|r| r.rung).collect();
        missing.sort_unstable();
        missing
    }

    /// Whether viewers are better off with a rung in AV1: it keeps to the rung's cap, which the encoder does
    /// not enforce, and needs fewer bits than H.264 does. Both rates are of the picture alone.
    pub fn is_worth(&self, av1: &Rendition, cap: Kbps, h264_average: Kbps) -> bool {
        let per = |kbps: Kbps, percent: u32| u64::from(kbps.0) * 10 * u64::from(percent);
        av1.peak_bps <= per(cap, self.cap_percent) && av1.average_bps <= per(h264_average, self.worth_percent)
    }
}

impl LadderProfile {
    /// The rungs that a wave would add to a package.
    pub fn missing(&self, wave: Wave, package: &Package) -> Vec<RungName> {
        match wave {
            Wave::Second | Wave::Top => self.waves.of(wave, &package.pending),
            Wave::Av1 => self.av1.missing(package),
        }
    }
}

impl LadderPlan {
    /// The same plan in AV1, at the qualities that were chosen for its rungs in H.264.
    pub fn in_av1(&self, chosen: Option<&QualityFacts>) -> Self {
        let mut plan = self.clone();
        for rung in &mut plan.rungs {
            rung.codec = Codec::Av1;
            let of = |q: &QualityFacts| q.crf_centi.iter().rev().find(|(r, _)| *r == rung.name).map(|c| c.1);
            rung.crf_centi = chosen.and_then(of).unwrap_or(rung.crf_centi);
        }
        plan
    }
}
