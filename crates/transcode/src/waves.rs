//! Which rungs a video waits for, which follow, and which wait for viewers. Pure.

use crate::ladder::LadderPlan;
use crate::policy::{LazyTop, WavePolicy};
use vocab::RungName;

/// A job that adds rungs to a published video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wave {
    /// What publication did not wait for.
    Second,
    /// What only a video with viewers is given.
    Top,
    /// Rungs that are shown already, in AV1 beside H.264.
    Av1,
}

impl WavePolicy {
    fn is_lazy(&self, rung: RungName) -> bool {
        self.lazy_top != LazyTop::Off && rung >= self.lazy_from
    }

    /// The rungs that publication waits for; the others of the plan are pending. Never empty.
    pub fn first(&self, plan: &LadderPlan) -> Vec<RungName> {
        let all = plan.rungs.iter().map(|r| r.name);
        let soon: Vec<RungName> = all.clone().filter(|r| !self.is_lazy(*r)).collect();
        let Some(smallest) = all.clone().next() else { return vec![] };
        if soon.is_empty() {
            return vec![smallest];
        }
        let small = |max: RungName| soon.iter().copied().filter(move |r| *r <= max).collect::<Vec<_>>();
        match self.first_wave_max.map(small) {
            Some(first) if soon.len() >= self.rungs_min && !first.is_empty() => first,
            _ => soon,
        }
    }

    /// Which of the pending rungs a wave is for.
    pub fn of(&self, wave: Wave, pending: &[RungName]) -> Vec<RungName> {
        let wanted = |r: &RungName| match wave {
            Wave::Second => !self.is_lazy(*r),
            Wave::Top => self.is_lazy(*r),
            Wave::Av1 => false,
        };
        pending.iter().copied().filter(wanted).collect()
    }

    /// Whether a video with so many views gets its top rung.
    pub fn has_found_viewers(&self, views: u64) -> bool {
        matches!(self.lazy_top, LazyTop::Views(enough) if views >= enough)
    }
}

impl LadderPlan {
    /// The same plan with these rungs alone.
    pub fn only(&self, rungs: &[RungName]) -> Self {
        let rungs = self.rungs.iter().filter(|r| rungs.contains(&r.name)).cloned().collect();
        Self { rungs, ..self.clone() }
    }

    pub fn names(&self) -> Vec<RungName> {
        self.rungs.iter().map(|r| r.name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LadderProfile, plan};
    use catalog::{SourceFacts, Transform};
    use vocab::{Bytes, Millis};

    fn planned(short: u32) -> LadderPlan {
        let source = SourceFacts {
            duration_ms: Millis(10_000),
            width: short,
            height: short * 2,
            fps_milli: 30_000,
            has_audio: false,
            video_codec: "h264".into(),
            audio_codec: None,
            size_bytes: Bytes(9_000_000),
        };
        plan(&source, &Transform::default(), &LadderProfile::default()).expect("a plan")
    }

    fn shorts(rungs: &[RungName]) -> Vec<u16> {
        rungs.iter().map(|r| r.0).collect()
    }

    #[test]
    fn a_full_ladder_is_published_at_360p_first() {
        let p = WavePolicy::default();
        assert_eq!(shorts(&p.first(&planned(1080))), [240, 360]);
        assert_eq!(shorts(&p.first(&planned(540))), [240, 360]);
        let pending = [RungName(540), RungName(720)];
        assert_eq!(shorts(&p.of(Wave::Second, &pending)), [540, 720]);
        assert!(p.of(Wave::Top, &pending).is_empty() && !p.has_found_viewers(u64::MAX));
    }

    #[test]
    fn two_rungs_are_one_wave() {
        let p = WavePolicy::default();
        assert_eq!(shorts(&p.first(&planned(400))), [240, 360]);
        assert_eq!(shorts(&p.first(&planned(144))), [144]);
        let at_once = WavePolicy { first_wave_max: None, ..p };
        assert_eq!(shorts(&at_once.first(&planned(1080))), [240, 360, 540, 720]);
    }

    #[test]
    fn a_lazy_top_waits_for_viewers() {
        let p = WavePolicy { lazy_top: LazyTop::Views(50), ..WavePolicy::default() };
        let pending = [RungName(540), RungName(720)];
        assert_eq!(shorts(&p.of(Wave::Second, &pending)), [540]);
        assert_eq!(shorts(&p.of(Wave::Top, &pending)), [720]);
        assert!(!p.has_found_viewers(49) && p.has_found_viewers(50));
        let at_once = WavePolicy { first_wave_max: None, ..p };
        assert_eq!(shorts(&at_once.first(&planned(1080))), [240, 360, 540]);
    }

    #[test]
    fn every_rung_is_in_one_wave() {
        for lazy_top in [LazyTop::Off, LazyTop::Views(1)] {
            for first_wave_max in [None, Some(RungName(100)), Some(RungName(360)), Some(RungName(999))] {
                let p = WavePolicy { lazy_top, first_wave_max, ..WavePolicy::default() };
                for short in [120, 240, 360, 540, 720, 1080] {
                    let plan = planned(short);
                    let mut all = p.first(&plan);
                    assert!(!all.is_empty());
                    let pending: Vec<RungName> =
                        plan.names().into_iter().filter(|r| !all.contains(r)).collect();
                    all.extend(p.of(Wave::Second, &pending));
                    all.extend(p.of(Wave::Top, &pending));
                    all.sort_unstable();
                    assert_eq!(all, plan.names());
                }
            }
        }
    }
}
