#![doc = include_str!("../README.md")]

pub mod ladder;
pub mod policy;
pub mod port;

pub use ladder::{LadderPlan, PlannedRung, plan};
pub use policy::LadderProfile;
pub use port::{
    EncodeJob, Encoded, EncodedTrack, Encoder, Expectation, MediaStore, MediaStoreError, VerifyJob,
};
