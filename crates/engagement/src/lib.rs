#![doc = include_str!("../README.md")]

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod fold;
pub mod heat;
pub mod history;
pub mod hour;
pub mod impression;
pub mod memory;
pub mod policy;
pub mod port;
pub mod reactions;
pub mod retention;

pub use fold::{Fold, Observed, Watcher};
pub use heat::Heat;
pub use history::History;
pub use hour::Hour;
pub use impression::{Contribution, Counters, Impression, ImpressionKey, Showing};
pub use memory::MemoryEngagementStore;
pub use policy::EngagementPolicy;
pub use port::{EngagementError, EngagementStore, Reaction, ReactionKind, ShardBatch, Totals, Window};
pub use reactions::{Liked, Reactions};
