//! Engines chosen by URL, slices built on them, handlers registered. The only place that names both.

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(not(feature = "aws"))]
#[path = "without_aws.rs"]
pub mod aws;
pub mod checks;
pub mod classifier;
pub mod demo_port;
pub mod embedded;
pub mod house;
pub mod identity;
pub mod machine;
pub mod media;
pub mod stores;
pub mod web;
pub mod worker;

pub use house::House;
