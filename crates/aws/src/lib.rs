#![doc = include_str!("../README.md")]

#[cfg(feature = "catalog")]
pub mod catalog;
pub mod checks;
pub mod dynamo;
#[cfg(feature = "engagement")]
pub mod engagement;
#[cfg(feature = "events")]
pub mod events;
pub mod fault;
#[cfg(feature = "feed")]
pub mod feed;
#[cfg(feature = "identity")]
pub mod identity;
#[cfg(feature = "mediaconvert")]
pub mod mediaconvert;
#[cfg(feature = "moderation")]
pub mod moderation;
#[cfg(feature = "catalog")]
pub mod notices;
#[cfg(feature = "objects")]
pub mod objects;
#[cfg(any(feature = "feed", feature = "engagement", feature = "events"))]
mod pack;
pub mod policy;
#[cfg(feature = "rekognition")]
pub mod rekognition;
#[cfg(all(feature = "catalog", feature = "identity", feature = "engagement"))]
pub mod remember;
pub mod sdk;
#[cfg(feature = "upload")]
pub mod upload;
#[cfg(feature = "work")]
pub mod work;

pub use policy::AwsPolicy;
pub use sdk::{Aws, AwsSettings};
