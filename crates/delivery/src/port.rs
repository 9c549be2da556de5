//! What delivery needs from an engine.

use async_trait::async_trait;
use bytes::Bytes;
use stdx::Fault;
use vocab::MediaKey;

/// Stored objects, read whole. Segments are a few hundred kilobytes; nothing larger is delivered.
#[async_trait]
pub trait ObjectReader: Send + Sync + 'static {
    /// The bytes under a key; `None` when there is no such object.
    async fn read(&self, key: &MediaKey) -> Result<Option<Bytes>, Fault>;
}
