#![doc = include_str!("../README.md")]

pub mod capture;
pub mod indicators;
pub mod leaks;
pub mod logs;
pub mod names;
pub mod promises;

pub use indicators::{Indicator, Indicators};
pub use logs::{Format, LogSettings};
pub use promises::{Bound, PROMISES, Promise, State};
