//! Listens to what other processes did, on behalf of whoever is connected here.

use super::Remote;
use crate::wiring::House;
use aws::notices::Notice;
use catalog::StatusListener;
use std::time::{Duration, Instant};

/// How late a person hears of what another process did.
const EVERY: Duration = Duration::from_millis(700);
/// How late a sign-out elsewhere holds here.
const REVOKED_EVERY: Duration = Duration::from_secs(2);
/// After a failed question.
const PAUSE: Duration = Duration::from_secs(5);

impl Remote {
    /// Passes news on for as long as it is polled.
    pub async fn follow(&self, house: &House) {
        // Revocations come with the records, by whatever way processes hear of videos.
        if self.news.is_none() {
            return std::future::pending().await;
        }
        let mut caught_up = Instant::now();
        loop {
            if caught_up.elapsed() >= REVOKED_EVERY {
                caught_up = Instant::now();
                if let Err(error) = house.identity.revoked.catch_up(house.clock.now()).await {
                    tracing::warn!(%error, "what other processes revoked cannot be read");
                }
            }
            tokio::time::sleep(self.hear(house).await).await;
        }
    }

    /// Passes on what was told since the last time; answers when to ask again.
    async fn hear(&self, house: &House) -> Duration {
        let Some(notices) = &self.notices else { return EVERY };
        match notices.news().await {
            Ok(news) => {
                for notice in news {
                    pass_on(house, &notice).await;
                }
                EVERY
            }
            Err(error) => {
                tracing::warn!(%error, "news of other processes cannot be read");
                PAUSE
            }
        }
    }
}

async fn pass_on(house: &House, notice: &Notice) {
    if let Some(percent) = notice.percent {
        return house.listeners.progressed(notice.video, notice.owner, notice.status, percent).await;
    }
    // A step on the way concerns nobody but its owner; reading the record is not free.
    if notice.status.is_in_flight() && !house.hub.is_listening(notice.owner) {
        return;
    }
    match house.stores.records.videos.get(notice.video).await {
        // What this process remembers has heard: it was read through it.
        Ok(video) => house.listeners.changed(&video).await,
        Err(error) => tracing::warn!(%error, video = %notice.video, "news of a video cannot be read"),
    }
}
