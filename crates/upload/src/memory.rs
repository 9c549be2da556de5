//! In-memory stores: the executable specification, and what unit tests run on.

mod raw_store;
mod upload_store;

pub use raw_store::{MemoryRawStore, fake_etag};
pub use upload_store::MemoryUploadStore;
