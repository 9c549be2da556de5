//! So many calls a second, and patience when that was too many.

use super::policy::RekognitionPolicy;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use stdx::{Entropy, Fault, FaultKind};
use tokio::time::{Instant, sleep, sleep_until};

/// Turns, evenly spaced.
#[derive(Debug)]
pub struct Pace {
    every: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    pub fn per_second(calls: u32) -> Self {
        Self { every: Duration::from_secs(1) / calls.max(1), next: Mutex::new(Instant::now()) }
    }

    async fn turn(&self) {
        let at = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let at = (*next).max(Instant::now());
            *next = at + self.every;
            at
        };
        sleep_until(at).await;
    }

    /// Calls in turn; again, later and later, when the service says that it is too much.
    pub async fn call<T, F>(
        &self,
        policy: &RekognitionPolicy,
        entropy: &dyn Entropy,
        call: impl Fn() -> F,
    ) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let mut round = 0;
        loop {
            self.turn().await;
            match call().await {
                Err(fault) if fault.kind == FaultKind::Throttled && round < policy.throttled_rounds_max => {
                    tracing::debug!(%fault, round, "too much for Rekognition");
                    sleep(policy.throttled.delay(round, entropy).to_duration()).await;
                    round += 1;
                }
                answer => return answer,
            }
        }
    }
}
