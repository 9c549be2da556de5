//! The event log in DynamoDB, until a stream service stands behind the same port.
//!
//! **A log is a row of chunks**, one an append, numbered without gaps. A chunk is put under the number
//! after the last on condition that nobody has it, so any number of processes append and a reader that
//! has chunk `n` has all below. Offsets are `number · 1,024 + place in the chunk`: they have gaps, and the
//! chunk of an offset is known without looking for it.
//!
//! **An append is one step over two rows.** First the device's windows name the chunk that is about to be
//! written and the windows as they are after it (`pending`); then the chunk is put. The chunk is what
//! counts: whoever finds `pending` looks whether that chunk stands there. It does: the windows are those
//! after it. Somebody else's does: the append never happened. Nothing does: it did not happen *yet*, and
//! the next append of this device uses the same number, so that a writer thought dead is either refused
//! there or, if it was faster, found there; a chunk says whose it is and which numbers it holds. So there
//! is no moment at which a kill makes an event appear twice, or an answered one not at all.

mod log;
mod reader;
mod row;
mod shard;
mod window_row;

pub use log::DynamoEventLog;
pub use row::STRIDE as OFFSETS_PER_APPEND;

use crate::dynamo::{Attr, Table};

/// `log` = `log#<shard>`: chunks by first offset, and at −1 what was trimmed; `part#<id>`: pieces of one chunk.
pub static EVENT_LOG: Table = Table {
    name: "EventLog",
    hash: Attr::s("log"),
    range: Some(Attr::n("offset")),
    indexes: &[],
    ttl: Some("expires_at"),
};

/// What each device sent already.
pub static EVENT_WINDOWS: Table =
    Table { name: "EventWindows", hash: Attr::s("device_id"), range: None, indexes: &[], ttl: None };

pub const TABLES: &[&Table] = &[&EVENT_LOG, &EVENT_WINDOWS];
