//! Configuration: what can be set, and how it is found.

mod load;
mod model;
pub mod urls;

pub use load::load;
pub use model::Config;
pub use urls::{Encoding, Entrance, FrameJudge, JobDelivery, Records, SecondLooker, StoredBytes};
