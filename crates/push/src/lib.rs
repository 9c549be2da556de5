#![doc = include_str!("../README.md")]

pub mod hub;
pub mod message;
pub mod policy;
pub mod ring;
mod sealed;
pub mod tickets;

pub use hub::{Hub, HubDeps, Subscription};
pub use message::{Message, VerdictNote, VideoStatus};
pub use policy::PushPolicy;
pub use tickets::Tickets;
