//! Configuration: what can be set, and how it is found.

mod load;
mod model;

pub use load::load;
pub use model::Config;
