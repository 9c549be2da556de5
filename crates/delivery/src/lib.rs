#![doc = include_str!("../README.md")]

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod counts;
pub mod entry;
pub mod memory;
pub mod origin;
pub mod policy;
pub mod port;
pub mod range;
pub mod standing;

pub use counts::Counts;
pub use entry::{Entry, Form};
pub use origin::{Answer, Ask, Origin, OriginDeps, Tier};
pub use policy::DeliveryPolicy;
pub use port::ObjectReader;
pub use standing::Standing;
