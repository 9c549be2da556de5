#![doc = include_str!("../README.md")]

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod ingest;
pub mod judge;
pub mod limiter;
pub mod memory;
pub mod policy;
pub mod port;
pub mod schema;
pub mod window;
pub mod wire;

pub use ingest::{Deps, Ingest, IngestError, Reply, Sender};
pub use memory::MemoryEventLog;
pub use policy::EventPolicy;
pub use port::{Append, EventLog, EventLogError, Placed, Receipt};
pub use schema::{EventKind, Measures, Recorded, Single};
pub use window::{DeviceWindows, SeqVerdict, Window};
pub use wire::{Encoding, EnvelopeError, Format};
