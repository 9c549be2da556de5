//! Quality chosen for each video: two probes of its top rung say how much it needs. Pure.

use crate::ladder::LadderPlan;
use crate::policy::PerTitle;
use catalog::{QualityFacts, RenditionFacts};
use vocab::{Kbps, Millis, RungName};

/// What a score means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// VMAF v0.6.1, harmonic mean.
    Vmaf,
    /// SSIM of all planes, as a percentage. Follows what people see less well.
    Ssim,
}

impl Metric {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Vmaf => "vmaf",
            Self::Ssim => "ssim",
        }
    }
}

/// The scores of a sample of the top rung at the policy's two qualities, in hundredths of 0–100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probed {
    pub metric: Metric,
    pub scores_centi: [u32; 2],
}

impl PerTitle {
    pub const fn target_centi(&self, metric: Metric) -> u32 {
        match metric {
            Metric::Vmaf => self.target_vmaf_centi,
            Metric::Ssim => self.target_ssim_centi,
        }
    }

    const fn falls_min_centi(&self, metric: Metric) -> u32 {
        match metric {
            Metric::Vmaf => self.falls_min_centi,
            Metric::Ssim => self.falls_min_ssim_centi,
        }
    }

    /// The samples to probe, start and length, spread over the published part. Empty where a probe would
    /// cost more than it can save.
    pub fn samples(&self, plan: &LadderPlan) -> Vec<(Millis, Millis)> {
        let is_small = plan.rungs.last().is_none_or(|top| top.name < self.from_rung);
        if !self.enabled || is_small || plan.duration_ms < self.from_ms || self.samples == 0 {
            return vec![];
        }
        let whole = plan.duration_ms.0;
        let n = i64::from(self.samples);
        let length = (whole * i64::from(self.sample_percent) / 100).min(self.samples_ms_max.0) / n;
        // Each in the middle of its share.
        let start = |i: i64| plan.start_ms.0 + (whole * (2 * i + 1) / (2 * n) - length / 2).max(0);
        (0..n).map(|i| (Millis(start(i)), Millis(length.max(1)))).collect()
    }

    /// The CRF at which the top rung reaches the target: the line through the two probes, kept within bounds.
    pub fn crf_centi(&self, probed: Probed) -> u16 {
        let [fine, coarse] = self.probe_crf_centi.map(i64::from);
        let [at_fine, at_coarse] = probed.scores_centi.map(i64::from);
        let target = i64::from(self.target_centi(probed.metric));
        let falls = at_fine - at_coarse;
        let crf = if falls >= i64::from(self.falls_min_centi(probed.metric).max(1)) && coarse > fine {
            fine + (at_fine - target) * (coarse - fine) / falls
        } else if at_fine >= target && at_coarse >= target {
            // As good at both: the coarser will do.
            coarse
        } else {
            // More bits would not help, or the scores say nothing.
            fine
        };
        let bounded = crf.clamp(i64::from(self.crf_min_centi), i64::from(self.crf_max_centi));
        u16::try_from(bounded).unwrap_or(self.probe_crf_centi[0])
    }

    /// The plan at the quality that its top rung needs, and the record of it. Smaller rungs are a little
    /// finer: they are looked at enlarged.
    pub fn tuned(&self, plan: &LadderPlan, probed: Probed) -> (LadderPlan, QualityFacts) {
        let top = self.crf_centi(probed);
        let mut plan = plan.clone();
        for (below, rung) in plan.rungs.iter_mut().rev().enumerate() {
            let steps = u16::try_from(below).unwrap_or(u16::MAX).min(self.steps_max);
            rung.crf_centi = top.saturating_sub(steps * self.step_centi).max(self.crf_min_centi);
        }
        let facts = QualityFacts {
            metric: probed.metric.word().into(),
            target_centi: self.target_centi(probed.metric),
            crf_centi: plan.rungs.iter().map(|r| (r.name, r.crf_centi)).collect(),
            dropped: vec![],
        };
        (plan, facts)
    }

    /// Rungs below one that takes no more bits than the poorest network has: nobody is better off with
    /// them. `audio` is part of what was measured.
    pub fn useless(&self, renditions: &[RenditionFacts], audio: Kbps) -> Vec<RungName> {
        let enough = self.enough_kbps.0.saturating_add(audio.0);
        let cheap = renditions.iter().filter(|r| r.average_kbps.0 <= enough).map(|r| r.rung).max();
        let mut useless: Vec<RungName> =
            renditions.iter().map(|r| r.rung).filter(|r| cheap.is_some_and(|c| *r < c)).collect();
        useless.sort_unstable();
        useless
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog::{SourceFacts, Transform};
    use proptest::prelude::*;

    fn vmaf(fine: u32, coarse: u32) -> Probed {
        Probed { metric: Metric::Vmaf, scores_centi: [fine, coarse] }
    }

    #[test]
    fn the_line_through_two_probes_meets_the_target() {
        let p = PerTitle::default();
        // 97 at 24 and 91 at 30: 95 at 26.
        assert_eq!(p.crf_centi(vmaf(9_700, 9_100)), 2_600);
        // A hard one, 91.72 at 24 and 83.5 at 30.
        assert_eq!(p.crf_centi(vmaf(9_172, 8_350)), 2_161);
        assert_eq!(p.crf_centi(vmaf(9_950, 9_830)), 3_300, "an easy one stops at the bound");
        assert_eq!(p.crf_centi(vmaf(7_000, 6_900)), 1_900);
        assert_eq!(p.crf_centi(vmaf(8_061, 8_057)), 2_400, "the cap decides");
        assert_eq!(p.crf_centi(vmaf(10_000, 10_000)), 3_000, "flat and good");
        assert_eq!(p.crf_centi(vmaf(5_000, 6_000)), 2_400, "nonsense changes nothing");
    }

    #[test]
    fn ssim_falls_less_far_and_is_interpolated_all_the_same() {
        let p = PerTitle::default();
        let ssim = |fine, coarse| p.crf_centi(Probed { metric: Metric::Ssim, scores_centi: [fine, coarse] });
        // Measured of a phone's clip, at 24 and at 30.
        assert_eq!(ssim(9_907, 9_857), 2_004);
        assert_eq!(ssim(9_960, 9_930), 2_800);
        assert_eq!(ssim(9_907, 9_893), 2_400, "the cap decides");
        assert_eq!(ssim(9_995, 9_990), 3_000, "flat and good");
    }

    fn rendition(rung: u16, average: u32) -> RenditionFacts {
        RenditionFacts {
            id: vocab::RenditionId(1),
            rung: RungName(rung),
            width: 2,
            height: 2,
            codecs: String::new(),
            peak_kbps: Kbps(average),
            average_kbps: Kbps(average),
            init_bytes: 0,
            first_frame_bytes: 0,
            segment_bytes: vec![],
            layout: catalog::Layout::default(),
        }
    }

    #[test]
    fn what_is_below_a_cheap_rung_is_useless() {
        let p = PerTitle::default();
        let of = |bits: [u32; 4]| {
            let all: Vec<RenditionFacts> =
                [240, 360, 540, 720].into_iter().zip(bits).map(|(r, b)| rendition(r, b)).collect();
            p.useless(&all, Kbps(96)).into_iter().map(|r| r.0).collect::<Vec<_>>()
        };
        assert_eq!(of([300, 500, 900, 1_800]), Vec::<u16>::new());
        assert_eq!(of([200, 340, 700, 1_200]), [240]);
        assert_eq!(of([120, 150, 200, 300]), [240, 360, 540]);
    }

    fn planned() -> LadderPlan {
        let source = SourceFacts {
            duration_ms: Millis(10_000),
            width: 1_080,
            height: 1_920,
            fps_milli: 30_000,
            has_audio: false,
            video_codec: "h264".into(),
            audio_codec: None,
            size_bytes: vocab::Bytes(9_000_000),
        };
        crate::plan(&source, &Transform::default(), &crate::LadderProfile::default()).expect("a plan")
    }

    proptest! {
        #[test]
        fn whatever_was_measured_the_choice_is_within_the_bounds(
            fine in 0u32..12_000, coarse in 0u32..12_000, ssim in any::<bool>(),
        ) {
            let p = PerTitle::default();
            let metric = if ssim { Metric::Ssim } else { Metric::Vmaf };
            let crf = p.crf_centi(Probed { metric, scores_centi: [fine, coarse] });
            prop_assert!((p.crf_min_centi..=p.crf_max_centi).contains(&crf));
        }

        #[test]
        fn a_video_that_scores_better_never_gets_more_bits(
            fine in 5_000u32..9_900, falls in 100u32..2_000, better in 0u32..100,
        ) {
            let p = PerTitle::default();
            let crf = |by: u32| p.crf_centi(vmaf(fine + by, fine + by - falls));
            prop_assert!(crf(better) >= crf(0));
        }

        #[test]
        fn samples_lie_in_the_published_part_and_cost_little(start in 0i64..60_000, ms in 1i64..180_000) {
            let p = PerTitle::default();
            let plan = LadderPlan { start_ms: Millis(start), duration_ms: Millis(ms), ..planned() };
            let samples = p.samples(&plan);
            prop_assert_eq!(samples.is_empty(), ms < p.from_ms.0);
            for (at, length) in &samples {
                prop_assert!(at.0 >= start && at.0 + length.0 <= start + ms);
            }
            let all: i64 = samples.iter().map(|(_, l)| l.0).sum();
            prop_assert!(all * 100 <= ms * i64::from(p.sample_percent));
        }
    }
}
