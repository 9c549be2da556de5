//! Pass B on AWS Elemental MediaConvert: the same plan as a job, the same package out of its track files.
//!
//! | Piece | Is |
//! |---|---|
//! | [`MediaConvertEncoder`] | the port [`Encoder`](::transcode::Encoder); `encoder.rs` says its steps |
//! | [`Order`] | a plan as the service's request, pure; golden files stand in `tests/mediaconvert/golden` |
//! | [`Ledger`] | the claims: at most one job that is billed for a piece of work |
//! | [`JobEvents`], [`event`] | what EventBridge says about jobs, from a queue into the claims |
//! | [`failure`] | what an error code means to the owner |
//! | [`price`] | what a plan would cost |
//!
//! The service writes one CMAF file a rung and one for the sound under a private prefix. They are fetched into
//! the job's directory and go through our own packager and verification like those of the local engine, so a
//! package does not show who encoded it.

mod encoder;
pub mod event;
pub mod failure;
pub mod job;
mod ledger;
mod listener;
mod outputs;
pub mod policy;
pub mod price;
mod service;
mod sound;
mod timecode;

pub use encoder::{CLAIMED, COMPLETE, CREATED, MediaConvertDeps, MediaConvertEncoder, NAMED};
pub use job::{JobSettings, Order};
pub use ledger::{Claim, Ledger, MEDIA_JOBS, TABLES};
pub use listener::{JobEvents, note};
pub use policy::{Captures, Effort, MediaConvertPolicy, PRICES};
pub use price::{Estimate, estimate};
pub use service::{Service, State};

/// What the processes and the service may do, for the contract.
pub const ACTIONS: &[&str] = &[
    "mediaconvert:CreateJob",
    "mediaconvert:TagResource",
    "mediaconvert:GetJob",
    "mediaconvert:SearchJobs",
    "mediaconvert:CancelJob",
    "mediaconvert:GetQueue",
    "iam:PassRole",
];
/// Of the role that the service takes on: read raw objects, write track files.
pub const ROLE_ACTIONS: &[&str] = &["s3:GetObject", "s3:PutObject"];
