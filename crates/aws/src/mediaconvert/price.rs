//! What a plan would cost. Pure.

use super::policy::Prices;
use ::transcode::LadderPlan;
use vocab::Millis;

/// A cost before the job is made: list prices, no discounts, no taxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Outputs that are billed.
    pub outputs: u32,
    /// Of all outputs together, with the least length of each.
    pub billed: Millis,
    /// Millionths of a US dollar.
    pub micros: u64,
}

/// `normalised`: the sound is brought to the target.
pub fn estimate(plan: &LadderPlan, normalised: bool, prices: &Prices) -> Estimate {
    let length = plan.duration_ms.max(prices.output_min);
    let cost = |minute: u64| (length.0.max(0) as u64).saturating_mul(minute).div_ceil(60_000);
    let pictures: u64 = plan
        .rungs
        .iter()
        .map(|rung| {
            let is_hd = u64::from(rung.width) * u64::from(rung.height) >= prices.hd_pixels;
            cost(if is_hd { prices.hd_minute_micros } else { prices.sd_minute_micros })
        })
        .sum();
    let sound = if plan.audio.is_none() {
        0
    } else if normalised {
        cost(prices.sound_minute_micros) + cost(prices.loudness_minute_micros)
    } else {
        cost(prices.sound_minute_micros)
    };
    let outputs = plan.rungs.len() as u32 + u32::from(plan.audio.is_some());
    Estimate { outputs, billed: Millis(length.0 * i64::from(outputs)), micros: pictures + sound }
}
