#![doc = include_str!("../README.md")]

#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
pub mod growth;
pub mod captions;
pub mod jobs;
pub mod ladder;
mod manifest;
pub mod look;
pub mod memory;
pub mod names;
pub mod policy;
pub mod port;
pub mod shelf;
mod strays;
pub mod transcoder;
pub mod waves;

pub use growth::Grown;
pub use jobs::{EncodeHandler, GrowHandler};
pub use ladder::{LadderPlan, PlannedRung, plan};
pub use look::Look;
pub use memory::{MemoryEncoder, MemoryMediaStore};
pub use names::{Names, Run};
pub use policy::{LadderProfile, LazyTop, WavePolicy};
pub use port::{
    Audience, EncodeJob, Encoded, EncodedTrack, Encoder, Expectation, MediaStore, MediaStoreError, Origin,
    VerifyJob,
};
pub use transcoder::{TranscodeError, Transcoder, TranscoderDeps};
pub use waves::Wave;
