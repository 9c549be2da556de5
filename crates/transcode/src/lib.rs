#![doc = include_str!("../README.md")]

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod jobs;
pub mod ladder;
pub mod memory;
pub mod names;
pub mod policy;
pub mod port;
pub mod shelf;
mod strays;
pub mod transcoder;

pub use jobs::EncodeHandler;
pub use ladder::{LadderPlan, PlannedRung, plan};
pub use memory::{MemoryEncoder, MemoryMediaStore};
pub use names::{Names, Run};
pub use policy::LadderProfile;
pub use port::{
    EncodeJob, Encoded, EncodedTrack, Encoder, Expectation, MediaStore, MediaStoreError, Origin, VerifyJob,
};
pub use transcoder::{TranscodeError, Transcoder, TranscoderDeps};
