//! Takes away what runs wrote that nobody will ever show.

use crate::names::{Names, Run};
use crate::transcoder::{TranscodeError, TranscoderDeps};
use catalog::{Video, VideoStoreError};
use vocab::{RungName, VideoId};

/// Earlier claims of a job that are cleaned up after. Each costs a few questions to the object store; what is
/// older goes when the video is erased.
const EARLIER_RUNS_MAX: u64 = 16;

/// Deletes what earlier claims of this job left, and with `also_own` this one's, except what the video's
/// package shows. While the video is on its way nothing is deleted: an earlier run that does not know that
/// it lost its lease may yet be the one that publishes.
pub(crate) async fn remove(
    deps: &TranscoderDeps,
    id: VideoId,
    run: Run,
    also_own: bool,
) -> Result<(), TranscodeError> {
    if run.fence <= 1 && !also_own {
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
    let rungs = rungs(deps, &video);
    for run in run.earlier(EARLIER_RUNS_MAX).chain(also_own.then_some(run)) {
        let names = Names::new(&video, run);
        if video.package.as_ref().is_some_and(|p| names.are_in(p)) {
            continue;
        }
        for prefix in names.prefixes(&rungs) {
            deps.eraser.delete_prefix(&prefix).await?;
        }
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
