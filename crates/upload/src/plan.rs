//! How a file of a declared length is cut into parts.

use crate::policy::UploadPolicy;
use vocab::Bytes;

const MIB: u64 = 1024 * 1024;

/// All parts have `part_size` but the last, which has the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartPlan {
    pub size: Bytes,
    pub part_size: Bytes,
    pub part_count: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanError {
    Empty,
    TooLarge { max: Bytes },
}

/// The smallest whole-MiB part within the policy's bounds that keeps to the aimed count.
pub fn plan(size: Bytes, policy: &UploadPolicy) -> Result<PartPlan, PlanError> {
    if size.0 == 0 {
        return Err(PlanError::Empty);
    }
    let capacity = policy.part_max.0.saturating_mul(u64::from(policy.part_count_max));
    let max = Bytes(policy.file_max.0.min(capacity));
    if size > max {
        return Err(PlanError::TooLarge { max });
    }
    let wanted = size.0.div_ceil(u64::from(policy.part_count_aim.max(1))).div_ceil(MIB) * MIB;
    let part_size = wanted.clamp(policy.part_min.0, policy.part_max.0);
    let part_count = u32::try_from(size.0.div_ceil(part_size)).unwrap_or(u32::MAX);
    Ok(PartPlan { size, part_size: Bytes(part_size), part_count })
}

impl PartPlan {
    /// Length of part `number` (from 1); `None` for a number outside the plan.
    pub const fn part_len(&self, number: u32) -> Option<Bytes> {
        if number == 0 || number > self.part_count {
            return None;
        }
        let before = self.part_size.0 * (number as u64 - 1);
        let rest = self.size.0 - before;
        Some(Bytes(if rest < self.part_size.0 { rest } else { self.part_size.0 }))
    }

    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        1..=self.part_count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(size: u64, part_mib: u64, count: u32) {
        let p = plan(Bytes(size), &UploadPolicy::default()).expect("planned");
        assert_eq!((p.part_size.0 / MIB, p.part_count), (part_mib, count), "{size}");
    }

    #[test]
    fn small_files_have_small_parts_and_large_files_few() {
        check(1, 5, 1);
        check(5 * MIB, 5, 1);
        check(5 * MIB + 1, 5, 2);
        check(100 * MIB, 5, 20);
        check(101 * MIB, 6, 17);
        check(300 * MIB, 15, 20);
        check(500_000_000, 15, 32);
    }

    #[test]
    fn nothing_and_too_much_are_refused() {
        let policy = UploadPolicy::default();
        assert_eq!(plan(Bytes(0), &policy), Err(PlanError::Empty));
        assert_eq!(plan(Bytes(500_000_001), &policy), Err(PlanError::TooLarge { max: Bytes(500_000_000) }));
    }

    proptest! {
        #[test]
        fn parts_cover_the_file_and_keep_to_the_bounds(size in 1u64..=500_000_000) {
            let policy = UploadPolicy::default();
            let p = plan(Bytes(size), &policy).expect("planned");
            let total: u64 = p.numbers().map(|n| p.part_len(n).expect("in plan").0).sum();
            prop_assert_eq!(total, size);
            for n in 1..p.part_count {
                prop_assert!((policy.part_min..=policy.part_max).contains(&p.part_len(n).expect("in plan")));
            }
            prop_assert!(p.part_len(p.part_count).expect("last").0 > 0);
            prop_assert_eq!(p.part_len(p.part_count + 1), None);
            prop_assert_eq!(p.part_len(0), None);
        }

        #[test]
        fn the_count_never_passes_what_a_store_takes(size in 1u64..=u64::MAX) {
            let policy = UploadPolicy { file_max: Bytes(u64::MAX), ..UploadPolicy::default() };
            if let Ok(p) = plan(Bytes(size), &policy) {
                prop_assert!(p.part_count <= policy.part_count_max);
            }
        }
    }
}
