//! Takes away what runs wrote that nobody will ever show.

use crate::names::{Names, Run};
use crate::transcoder::{TranscodeError, TranscoderDeps};
use catalog::{Video, VideoStoreError};
use stdx::Fault;
use vocab::{RungName, VideoId};

/// Earlier claims of a job that are cleaned up after. Each costs a few questions to the object store; what is
/// older goes when the video is erased.
const EARLIER_RUNS_MAX: u64 = 16;

/// Whose writings are in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claims {
    /// Those of earlier claims of the job. Only where none of them could still come to show anything.
    Earlier,
    Own,
    EarlierAndOwn,
}

impl Claims {
    /// The earlier ones, and one's own if that `wrote_in_vain`.
    pub(crate) const fn with_own(wrote_in_vain: bool) -> Self {
        if wrote_in_vain { Self::EarlierAndOwn } else { Self::Earlier }
    }

    fn of(self, run: Run) -> impl Iterator<Item = Run> {
        let earlier = if self == Self::Own { 0 } else { EARLIER_RUNS_MAX };
        run.earlier(earlier).chain((self != Self::Earlier).then_some(run))
    }
}

/// Deletes what `claims` left, except what the video's package shows. While the video is on its way nothing is
/// deleted: an earlier run that does not know that it lost its lease may yet be the one that publishes.
pub(crate) async fn remove(
    deps: &TranscoderDeps,
    id: VideoId,
    run: Run,
    claims: Claims,
) -> Result<(), TranscodeError> {
    if claims.of(run).next().is_none() {
        return Ok(());
    }
    let video = match deps.videos.get(id).await {
        Ok(video) => video,
        Err(VideoStoreError::NotFound(_)) => return Ok(()),
        Err(e) => return Err(e.into()),
    };
    // What is removed is erased as a whole.
    if video.is_gone() || video.status.is_in_flight() {
        return Ok(());
    }
    for run in claims.of(run) {
        let names = Names::new(&video, run);
        if video.package.as_ref().is_some_and(|p| names.are_in(p)) {
            continue;
        }
        delete(deps, &video, &names).await?;
    }
    Ok(())
}

/// Deletes what a run wrote that stops before it asked anybody to show it: nobody else has these names, and the
/// next claim has others. What cannot be deleted now waits for a later claim, as after a kill.
pub(crate) async fn withdraw(deps: &TranscoderDeps, video: &Video, run: Run) {
    if let Err(error) = delete(deps, video, &Names::new(video, run)).await {
        tracing::warn!(video = %video.id, %error, "what a failed run wrote stays for now");
    }
}

async fn delete(deps: &TranscoderDeps, video: &Video, names: &Names) -> Result<(), Fault> {
    for prefix in names.prefixes(&rungs(deps, video)) {
        deps.eraser.delete_prefix(&prefix).await?;
    }
    Ok(())
}

fn rungs(deps: &TranscoderDeps, video: &Video) -> Vec<RungName> {
    let mut rungs: Vec<RungName> = deps.profile.rungs.iter().map(|r| r.name).collect();
    rungs.extend(video.package.iter().flat_map(|p| &p.renditions).map(|r| r.rung));
    rungs.sort_unstable();
    rungs.dedup();
    rungs
}
