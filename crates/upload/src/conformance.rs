//! What every implementation of the ports must keep.

mod raw_store;
mod upload_store;

pub use raw_store::{PartSender, RawBench, mending, raw_store};
pub use upload_store::{forgetting, upload_store};
