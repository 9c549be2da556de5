//! The executable specification of [`ObjectReader`]: a map.

use crate::port::ObjectReader;
use async_trait::async_trait;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use stdx::Fault;
use vocab::MediaKey;

#[derive(Debug, Default)]
pub struct MemoryObjectReader {
    objects: Mutex<HashMap<MediaKey, Bytes>>,
}

impl MemoryObjectReader {
    pub fn put(&self, key: MediaKey, bytes: impl Into<Bytes>) {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner).insert(key, bytes.into());
    }
}

#[async_trait]
impl ObjectReader for MemoryObjectReader {
    async fn read(&self, key: &MediaKey) -> Result<Option<Bytes>, Fault> {
        Ok(self.objects.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }
}
