#![doc = include_str!("../README.md")]

mod av1;
pub mod captions;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod cover;
mod desk;
mod dressing;
mod error;
mod fetching;
pub mod growth;
pub mod jobs;
pub mod ladder;
pub mod look;
mod manifest;
pub mod memory;
pub mod names;
pub mod per_title;
pub mod policy;
pub mod port;
mod progress;
pub mod shelf;
mod strays;
pub mod transcoder;
pub mod waves;

pub use cover::{CoverHandler, CoverKeeper};
pub use growth::Grown;
pub use jobs::{EncodeHandler, GrowHandler};
pub use ladder::{LadderPlan, PlannedRung, plan};
pub use look::Look;
pub use memory::{MemoryEncoder, MemoryMediaStore};
pub use names::{Names, Run};
pub use per_title::{Metric, Probed};
pub use policy::{Av1Policy, EncoderProfile, LadderProfile, LazyTop, WavePolicy};
pub use port::{
    Audience, EncodeJob, Encoded, EncodedTrack, Encoder, Expectation, MediaStore, MediaStoreError, Origin,
    ProbeJob, VerifyJob,
};
pub use transcoder::{TranscodeError, Transcoder, TranscoderDeps};
pub use waves::Wave;
