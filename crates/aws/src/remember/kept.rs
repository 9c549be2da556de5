//! A bounded number of values, each for a while.

use quick_cache::sync::Cache;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use stdx::Clock;
use vocab::Millis;

pub(super) struct Kept<K, V> {
    values: Cache<K, (Millis, V)>,
    life: Millis,
    clock: Arc<dyn Clock>,
}

impl<K: Hash + Eq + Copy, V: Clone> Kept<K, V> {
    pub fn new(max: usize, life: Millis, clock: Arc<dyn Clock>) -> Self {
        Self { values: Cache::new(max), life, clock }
    }

    pub fn put(&self, key: K, value: V) {
        self.values.insert(key, (self.clock.now(), value));
    }

    pub fn forget(&self, key: &K) {
        self.values.remove(key);
    }

    pub fn forget_all(&self) {
        self.values.clear();
    }

    pub fn fresh(&self, key: &K) -> Option<V> {
        let (at, value) = self.values.get(key)?;
        (self.clock.now().saturating_sub(at) < self.life).then_some(value)
    }

    /// What was put last, however long ago, as long as there was room for it.
    pub fn last(&self, key: &K) -> Option<V> {
        self.values.get(key).map(|(_, value)| value)
    }

    /// The values of `keys` in their order; `load` is asked for those not kept, answers with their keys,
    /// and decides by the flag which of them are kept.
    pub async fn many<E, F>(&self, keys: &[K], load: impl FnOnce(Vec<K>) -> F) -> Result<Vec<V>, E>
    where
        F: Future<Output = Result<Vec<(K, V, bool)>, E>>,
    {
        let found: Vec<Option<V>> = keys.iter().map(|key| self.fresh(key)).collect();
        let missing: Vec<K> =
            keys.iter().zip(&found).filter(|(_, value)| value.is_none()).map(|(key, _)| *key).collect();
        if missing.is_empty() {
            return Ok(found.into_iter().flatten().collect());
        }
        let mut loaded = std::collections::HashMap::new();
        for (key, value, keep) in load(missing).await? {
            if keep {
                self.put(key, value.clone());
            }
            loaded.insert(key, value);
        }
        let all =
            keys.iter().zip(found).filter_map(|(key, value)| value.or_else(|| loaded.get(key).cloned()));
        Ok(all.collect())
    }
}
