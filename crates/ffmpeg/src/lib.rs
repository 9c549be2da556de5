#![doc = include_str!("../README.md")]

mod args;
mod audit;
mod child;
mod closer;
mod colours;
mod cover;
pub mod doctor;
mod engine;
mod jail;
mod lines;
mod loudness;
mod orientation;
mod pass_a;
mod pass_a_args;
mod pass_b;
mod pass_b_args;
mod pass_b_codec;
mod pass_b_probe;
pub mod policy;
mod poster;
mod probe;
mod progress;
pub mod report;
mod room;
mod timeline;
mod verify;

pub use doctor::{Features, Finding, examine as examine_machine};
pub use engine::Ffmpeg;
pub use pass_b_codec::{AV1_OPTIONS, X264_ECONOMY, X264_TUNED, x264_params};
pub use policy::FfmpegPolicy;
pub use report::Report;
