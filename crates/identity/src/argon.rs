//! Argon2id off the async threads, a few at a time.

use crate::policy::HashPolicy;
use crate::port::PasswordHasher;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use stdx::{Fault, FaultKind};
use tokio::sync::Semaphore;

/// The real hasher. Each hash holds 19 MiB and a core, so `concurrency` run and `queue` wait;
/// one more is refused as throttled rather than piling up.
#[derive(Debug)]
pub struct ArgonHasher {
    policy: HashPolicy,
    argon: Argon2<'static>,
    running: Arc<Semaphore>,
    pending: AtomicUsize,
}

/// Counts a caller for as long as it waits or works, also when its future is dropped.
struct Pending<'a>(&'a AtomicUsize);

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl ArgonHasher {
    pub fn new(policy: HashPolicy) -> Result<Self, Fault> {
        let params = Params::new(policy.memory_kib, policy.passes, policy.lanes, None);
        let params = params.map_err(|e| Fault::internal(e.to_string()))?;
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let running = Arc::new(Semaphore::new(policy.concurrency.max(1)));
        Ok(Self { policy, argon, running, pending: AtomicUsize::new(0) })
    }

    async fn run<T, F>(&self, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&Argon2<'static>) -> Result<T, Fault> + Send + 'static,
    {
        let before = self.pending.fetch_add(1, Ordering::AcqRel);
        let _counted = Pending(&self.pending);
        if before >= self.policy.concurrency + self.policy.queue {
            return Err(Fault::new(FaultKind::Throttled, "too many passwords wait to be hashed"));
        }
        let permit = Arc::clone(&self.running).acquire_owned().await.map_err(Fault::unavailable)?;
        let argon = self.argon.clone();
        let done = tokio::task::spawn_blocking(move || {
            // Held by the work, not by the caller: a caller that goes away frees no core.
            let _permit = permit;
            work(&argon)
        });
        done.await.map_err(Fault::internal)?
    }
}

#[async_trait]
impl PasswordHasher for ArgonHasher {
    async fn hash(&self, password: String, salt: [u8; 16]) -> Result<String, Fault> {
        self.run(move |argon| {
            let hashed = argon.hash_password_with_salt(password.as_bytes(), &salt);
            hashed.map(|h| h.to_string()).map_err(|e| Fault::internal(e.to_string()))
        })
        .await
    }

    async fn verify(&self, password: String, phc: String) -> Result<bool, Fault> {
        self.run(move |argon| {
            let parsed = PasswordHash::new(&phc).map_err(|e| Fault::corrupt(e.to_string()))?;
            Ok(argon.verify_password(password.as_bytes(), &parsed).is_ok())
        })
        .await
    }
}
