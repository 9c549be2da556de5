//! Uploads, idempotency keys and quota places in DynamoDB.
//!
//! - `Uploads`: one item an upload. Two sparse indexes: an owner's live uploads, and what is due (open ones by
//!   their expiry, completing ones by their start). An ended record is in neither and has a time to live.
//! - `UploadKeys`: one item an idempotency key, gone by its time to live.
//! - `UploadQuotas`: one item an owner with the places of the last 24 h, so that a reservation is one condition.

mod row;
mod store;

pub use row::{TABLES, UPLOAD_KEYS, UPLOAD_QUOTAS, UPLOADS};
pub use store::DynamoUploadStore;
