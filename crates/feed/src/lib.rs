#![doc = include_str!("../README.md")]

pub mod board;
pub mod candidate;
pub mod cards;
mod check;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod cursor;
pub mod feed;
pub mod filters;
mod gauge;
mod hearing;
pub mod index;
pub mod kernel;
pub mod memory;
pub mod page;
pub mod policy;
pub mod port;
pub mod queue;
pub mod reason;
pub mod scorer;
pub mod selector;
pub mod sources;
mod top_up;
pub mod why;

pub use cursor::InvalidCursor;
pub use feed::{Deps, Feed, FeedError};
pub use memory::{MemorySeenStore, MemoryWarmQueue};
pub use page::{FeedItem, Page, PageRequest};
pub use policy::FeedPolicy;
pub use port::{Gauge, Queued, Refusal, Refusals, SeenStore, Take, Taken, Turn, Waiting, WarmQueue};
pub use queue::{GivenPage, QueueParts, QueueRules, ViewerQueue};
pub use reason::Reason;
pub use why::{Fate, Why};
