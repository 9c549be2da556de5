#![doc = include_str!("../README.md")]

mod classifier;
mod envelope;
mod files;
pub mod labels;
mod net;
pub mod policy;
mod proto;
pub mod resize;
pub mod tfjs;
pub mod toy;

pub use classifier::{LocalClassifier, ModelFiles};
pub use labels::{LabelMap, LoadError};
pub use net::{Engine, Prepared, prepare};
