#![doc = include_str!("../README.md")]

pub mod cli;
pub mod client;
pub mod commands;
pub mod config;
#[cfg(feature = "aws")]
pub mod contract;
pub mod data_dir;
pub mod demo;
pub mod disk;
pub mod run;
pub mod serve;
pub mod wiring;
