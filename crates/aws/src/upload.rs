//! Uploads, idempotency keys and quota places in DynamoDB.
//!
//! - `Uploads`: one item an upload. One sparse index: live ones by their expiry, with their state; a row stands at
//!   one place there from insert to end. An ended record is not in it and has a time to live.
//! - `UploadKeys`: one item an idempotency key, gone by its time to live.
//! - `UploadQuotas`: one item an owner with the places of the last 24 h, so that a reservation is one condition.
//!   Its open places name the owner's live uploads. An upload must expire within those 24 h, as it does by the
//!   policy's default: a longer life would outlive its name.

mod row;
mod store;

pub use row::{TABLES, UPLOAD_KEYS, UPLOAD_QUOTAS, UPLOADS};
pub use store::DynamoUploadStore;
