//! Names of renditions and packages: every run writes under names of its own, and only who knows the
//! video's secret could guess them. Pure.

use catalog::{Package, Video};
use sha2::{Digest, Sha256};
use vocab::{JobId, MediaKey, PackageId, RenditionId, RungName, VideoId};
use work::Job;

/// One claim of a durable job. A fence is given out once, so no two runs have the same names, and a run that
/// lost its lease without knowing cannot touch what another one writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    pub job: JobId,
    pub fence: u64,
}

impl Run {
    pub fn of(job: &Job) -> Self {
        Self { job: job.id, fence: job.fence }
    }

    /// The claims of the same job before this one, the latest `limit` of them.
    pub fn earlier(self, limit: u64) -> impl Iterator<Item = Self> {
        let first = self.fence.saturating_sub(limit).max(1);
        (first..self.fence).map(move |fence| Self { fence, ..self })
    }
}

/// What one run calls the objects it writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    video: VideoId,
    seed: [u8; 32],
}

impl Names {
    pub fn new(video: &Video, run: Run) -> Self {
        let mut h = Sha256::new();
        let (id, job, fence) = (video.id.to_string(), run.job.to_string(), run.fence.to_string());
        for part in [id.as_str(), &video.link_key, &job, &fence] {
            // The length keeps two neighbours from being read as one.
            h.update((part.len() as u64).to_le_bytes());
            h.update(part.as_bytes());
        }
        Self { video: video.id, seed: h.finalize().into() }
    }

    pub fn package(&self) -> PackageId {
        PackageId(self.derive("package"))
    }

    /// The package in the place of `shown`, where that took the place of the one this run started from.
    pub fn package_over(&self, shown: PackageId) -> PackageId {
        PackageId(self.derive(&format!("package over {shown}")))
    }

    pub fn rendition(&self, rung: RungName) -> RenditionId {
        RenditionId(self.derive(&format!("rendition {rung}")))
    }

    /// The sound, where it is a rendition of its own.
    pub fn sound(&self) -> RenditionId {
        RenditionId(self.derive("sound"))
    }

    /// Whether `package` shows anything that this run wrote.
    pub fn are_in(&self, package: &Package) -> bool {
        let wrote = |r: &catalog::RenditionFacts| r.id == self.rendition(r.rung);
        let sound = package.tracks.sound.as_ref().is_some_and(|s| s.id == self.sound());
        sound || package.id == self.package() || package.renditions.iter().any(wrote)
    }

    /// Where everything stands that this run may have written, for deletion.
    pub fn prefixes(&self, rungs: &[RungName]) -> Vec<String> {
        let (video, package) = (self.video, self.package());
        let renditions =
            rungs.iter().map(|r| MediaKey::MediaPlaylist { video, rendition: self.rendition(*r) });
        let keys = renditions.chain([
            MediaKey::MediaPlaylist { video, rendition: self.sound() },
            MediaKey::Multivariant { video, package },
            MediaKey::Poster { video, package },
            MediaKey::Sprite { video, package },
        ]);
        keys.filter_map(|k| k.object_key().rsplit_once('/').map(|(dir, _)| format!("{dir}/"))).collect()
    }

    fn derive(&self, what: &str) -> u128 {
        let digest = Sha256::new().chain_update(self.seed).chain_update(what.as_bytes()).finalize();
        let mut half = [0u8; 16];
        half.copy_from_slice(&digest[..16]);
        u128::from_be_bytes(half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::{Millis, UserId};

    fn names(secret: &str, job: u64, fence: u64) -> Names {
        let video = Video::reserved(VideoId(7), UserId(1), secret.into(), Millis(0));
        Names::new(&video, Run { job: JobId(job), fence })
    }

    #[test]
    fn no_two_runs_share_a_name() {
        let all = [names("k", 1, 1), names("k", 1, 2), names("k", 2, 1), names("l", 1, 1)];
        let mut ids: Vec<u128> =
            all.iter().flat_map(|n| [n.package().0, n.rendition(RungName(360)).0]).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 8);
        assert_eq!(names("k", 1, 1), names("k", 1, 1));
    }

    #[test]
    fn what_a_run_wrote_is_found_by_prefix() {
        let n = names("k", 1, 1);
        let prefixes = n.prefixes(&[RungName(240)]);
        let (video, package, rendition) = (VideoId(7), n.package(), n.rendition(RungName(240)));
        for key in [
            MediaKey::Init { video, rendition },
            MediaKey::Segment { video, rendition, n: 3 },
            MediaKey::Multivariant { video, package },
            MediaKey::Poster { video, package },
            MediaKey::SpriteVtt { video, package },
        ] {
            assert!(prefixes.iter().any(|p| key.object_key().starts_with(p)), "{key:?}");
        }
    }

    #[test]
    fn the_runs_before_one_are_counted_back_from_it() {
        let fences =
            |fence, limit| Run { job: JobId(1), fence }.earlier(limit).map(|r| r.fence).collect::<Vec<_>>();
        assert_eq!((fences(1, 9), fences(3, 9), fences(9, 2)), (vec![], vec![1, 2], vec![7, 8]));
    }
}
