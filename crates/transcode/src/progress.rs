//! How far the work on a video is, told to whoever watches it.

use crate::port::Progress;
use crate::transcoder::Transcoder;
use catalog::Video;
use std::sync::Arc;
use tokio::sync::watch;
use vocab::Status;

impl Transcoder {
    /// Runs an engine's work and passes its progress on to whoever watches the video.
    pub(crate) async fn announced<T>(
        &self,
        at: (&Video, Status),
        work: impl Future<Output = T>,
        told: &mut watch::Receiver<u8>,
    ) -> T {
        tokio::pin!(work);
        let mut listening = true;
        loop {
            tokio::select! {
                biased;
                done = &mut work => {
                    if told.has_changed().unwrap_or(true) {
                        self.announce(at, told).await;
                    }
                    return done;
                }
                changed = told.changed(), if listening => {
                    listening = changed.is_ok();
                    self.announce(at, told).await;
                }
            }
        }
    }

    /// A published video that grows is published, and no percentage of it.
    async fn announce(&self, (video, status): (&Video, Status), told: &mut watch::Receiver<u8>) {
        let percent = *told.borrow_and_update();
        if !video.status.is_in_flight() {
            return;
        }
        self.0.listener.progressed(video.id, video.owner, status, percent).await;
    }
}

/// A progress from 0 to 100 as the part `from..to` of a longer one, and the changes of that.
pub(crate) fn scaled(whole: &Progress, from: u8, to: u8) -> (Progress, watch::Receiver<u8>) {
    let (tell, told) = watch::channel(from);
    let whole = Arc::clone(whole);
    let report = move |percent: u8| {
        let span = u16::from(to - from) * u16::from(percent.min(100)) / 100;
        let percent = from + span as u8;
        whole(percent);
        tell.send_if_modified(|p| std::mem::replace(p, percent) != percent);
    };
    (Arc::new(report), told)
}
