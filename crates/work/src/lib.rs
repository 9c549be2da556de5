#![doc = include_str!("../README.md")]

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod dlq;
pub mod handler;
pub mod job;
pub mod jobs;
pub mod memory;
pub mod policy;
pub mod port;
pub mod runner;
pub mod wake;

pub use handler::{JobContext, JobError, JobHandler, Outcome};
pub use job::{Job, JobState, NewJob};
pub use jobs::Jobs;
pub use memory::MemoryJobStore;
pub use policy::WorkPolicy;
pub use port::{Claim, Ending, Heartbeat, JobFilter, JobStore, JobStoreError, Order, Prune, Tally};
pub use runner::{Runner, RunnerDeps};
pub use wake::{Wake, Waking};
