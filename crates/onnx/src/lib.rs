#![doc = include_str!("../README.md")]

mod classifier;
mod envelope;
pub mod labels;
pub mod policy;
pub mod resize;
pub mod toy;

pub use classifier::{RtenClassifier, RtenConfig};
pub use labels::{LabelMap, LoadError};
