//! The public keys of an issuer, by key id, kept for a while and fetched in bounds.
//!
//! A document is fetched at first use, when it has aged, and for an unknown key id at most once in
//! `refresh_min`. One request fetches; whoever has a key that has merely aged goes on with it. While the
//! source is away keys count up to `stale_max`; after that nothing is known and nobody comes in.

use crate::port::KeySource;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use stdx::{Clock, Fault};
use vocab::Millis;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyringPolicy {
    /// A document older than this is fetched again, so that a withdrawn key goes away.
    pub age_max: Millis,
    /// Shortest time between two fetches: unknown key ids cannot hammer the source.
    pub refresh_min: Millis,
    /// Keys older than this count no more, whatever the source says or fails to say.
    pub stale_max: Millis,
    pub keys_max: usize,
}

/// One key of the document; `None` = not one for us.
pub type ReadKey<K> = fn(&Value) -> Option<(String, K)>;

struct Cached<K> {
    keys: HashMap<String, K>,
    /// Of the last try, and whether it succeeded.
    tried: Option<(Millis, bool)>,
    /// Of the last success.
    fetched_at: Option<Millis>,
    /// The era in which these keys were asked for.
    era: u64,
}

impl<K> Default for Cached<K> {
    fn default() -> Self {
        Self { keys: HashMap::new(), tried: None, fetched_at: None, era: 0 }
    }
}

/// How a key that was looked up stands.
#[derive(PartialEq)]
enum Age {
    Fresh,
    Aged,
    Stale,
}

pub struct Keyring<K> {
    source: Arc<dyn KeySource>,
    clock: Arc<dyn Clock>,
    policy: KeyringPolicy,
    read: ReadKey<K>,
    cached: RwLock<Cached<K>>,
    /// One fetch at a time.
    fetching: tokio::sync::Mutex<()>,
}

fn away() -> Fault {
    Fault::unavailable("the keys of the issuer cannot be fetched")
}

impl<K: Clone> Keyring<K> {
    pub fn new(
        source: Arc<dyn KeySource>,
        clock: Arc<dyn Clock>,
        policy: KeyringPolicy,
        read: ReadKey<K>,
    ) -> Self {
        let (cached, fetching) = (RwLock::default(), tokio::sync::Mutex::default());
        Self { source, clock, policy, read, cached, fetching }
    }

    /// `None`: the issuer has no such key. A fault: nothing is known about it.
    pub async fn key(&self, kid: &str) -> Result<Option<K>, Fault> {
        let (found, age) = self.look_up(kid);
        let fetched = match (found, age) {
            (Some(key), Age::Fresh) => return Ok(Some(key)),
            (Some(key), Age::Aged) => match self.fetching.try_lock() {
                Ok(_one) => self.fetch().await,
                Err(_) => return Ok(Some(key)),
            },
            _ => {
                let _one = self.fetching.lock().await;
                if let (Some(key), Age::Fresh) = self.look_up(kid) {
                    return Ok(Some(key));
                }
                self.fetch().await
            }
        };
        match (self.look_up(kid), fetched) {
            ((Some(key), Age::Fresh | Age::Aged), _) => Ok(Some(key)),
            ((_, Age::Stale), Ok(())) => Err(away()),
            (_, outcome) => outcome.map(|()| None),
        }
    }

    /// Fetches when half the time to the next fetch is over: called now and then from the background, it
    /// keeps requests from waiting for the issuer.
    pub async fn refresh(&self) -> Result<(), Fault> {
        let _one = self.fetching.lock().await;
        if self.age().is_some_and(|age| age.0 < self.policy.age_max.0 / 2) {
            return Ok(());
        }
        self.fetch().await
    }

    /// How old the keys are; `None` = there are none yet.
    pub fn age(&self) -> Option<Millis> {
        let cached = self.cached.read().unwrap_or_else(PoisonError::into_inner);
        cached.fetched_at.map(|at| Millis(self.clock.now().0.saturating_sub(at.0)))
    }

    pub fn policy(&self) -> KeyringPolicy {
        self.policy
    }

    /// Looks at the source again before the next key is given.
    pub fn forget(&self) {
        let mut cached = self.cached.write().unwrap_or_else(PoisonError::into_inner);
        *cached = Cached { era: cached.era, ..Cached::default() };
    }

    /// Keys that were asked for in another era are forgotten, also when they are still on their way.
    pub fn heed(&self, era: u64) {
        if self.cached.read().unwrap_or_else(PoisonError::into_inner).era == era {
            return;
        }
        *self.cached.write().unwrap_or_else(PoisonError::into_inner) = Cached { era, ..Cached::default() };
    }

    fn look_up(&self, kid: &str) -> (Option<K>, Age) {
        let cached = self.cached.read().unwrap_or_else(PoisonError::into_inner);
        let age = cached.fetched_at.map(|at| self.clock.now().0.saturating_sub(at.0));
        let age = match age {
            Some(age) if age < self.policy.age_max.0 => Age::Fresh,
            Some(age) if age < self.policy.stale_max.0 => Age::Aged,
            _ => Age::Stale,
        };
        (cached.keys.get(kid).cloned(), age)
    }

    /// Under the lock of `fetching`. Too soon after the last try it repeats that one's outcome.
    async fn fetch(&self) -> Result<(), Fault> {
        let now = self.clock.now();
        let era = {
            let mut cached = self.cached.write().unwrap_or_else(PoisonError::into_inner);
            if let Some((at, succeeded)) = cached.tried
                && now.0.saturating_sub(at.0) < self.policy.refresh_min.0
            {
                return if succeeded { Ok(()) } else { Err(away()) };
            }
            // A fetch that is dropped half-way counts as one that failed.
            cached.tried = Some((now, false));
            cached.era
        };
        let keys = self.parse(&self.source.jwks().await?)?;
        let mut cached = self.cached.write().unwrap_or_else(PoisonError::into_inner);
        *cached = Cached { keys, tried: Some((now, true)), fetched_at: Some(now), era };
        Ok(())
    }

    fn parse(&self, document: &Value) -> Result<HashMap<String, K>, Fault> {
        let listed = document.get("keys").and_then(Value::as_array);
        let listed = listed.ok_or_else(|| Fault::corrupt("the JWKS document has no list of keys"))?;
        let mut keys = HashMap::new();
        for (kid, key) in listed.iter().take(self.policy.keys_max).filter_map(self.read) {
            // The first of a name: a second cannot displace it.
            keys.entry(kid).or_insert(key);
        }
        Ok(keys)
    }
}
