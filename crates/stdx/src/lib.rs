#![doc = include_str!("../README.md")]

pub mod backoff;
pub mod clock;
pub mod crash;
pub mod entropy;
pub mod fault;

pub use backoff::Backoff;
pub use clock::{Clock, ManualClock, SystemClock};
pub use entropy::{Entropy, OsEntropy, SeededEntropy};
pub use fault::{BoxError, Fault, FaultKind};
