#![doc = include_str!("../README.md")]

pub mod job;
pub mod port;

pub use job::{Job, JobState, NewJob};
pub use port::{Claim, Ending, Heartbeat, JobFilter, JobStore, JobStoreError, Order};
