//! Rekognition's moderation: frames as pictures (Tier A) and whole stored videos (Tier B).
//!
//! | Piece | Is |
//! |---|---|
//! | [`RekognitionClassifier`] | `FrameClassifier` on `DetectModerationLabels`, paced, a frame's bytes in the request |
//! | [`RekognitionVideo`] | `SecondLook` on `StartContentModeration`: one paid job per content, killed anywhere |
//! | [`Door`] | whether the service is there and lets us in, for the start and `/readyz` |
//! | [`EndedLooks`] | hears from SQS that a job has ended, so that nobody has to ask |
//!
//! # Table `VideoLooks`
//!
//! `PK = look`. One row a content hash: what was (or is about to be) asked of the service, and its answer; and
//! the row `slots`: which contents hold one of the jobs that may be open at once, each until a time.
//!
//! | attribute | type | what |
//! |---|---|---|
//! | `state` | S | `claimed`, `started`, `ended`, `failed` |
//! | `ask` | S or B | the request as it is sent, each time the same: bucket, object, token, topic … |
//! | `lease_until`, `claimed_at` | N | who claimed it starts it until then; afterwards anybody does |
//! | `sent_at`, `notes_sending` | N | when the request was first sent; without the second nobody wrote it down |
//! | `job_id`, `told_at` | S, N | the job, and when a message said that it has ended |
//! | `body`, `model` | S or B, S | what was seen, and by which model version; or |
//! | `why` | S | why there will be no answer |
//! | `open` | S | of `slots`: content hash → until when |
//!
//! # At most one paid job
//!
//! The row is written before the job is started and keeps the request word for word. The token of the request
//! is the content hash: the service answers the same token with the same job, so a start repeated by
//! another process after a crash costs nothing. Rekognition does not say for how long it knows a token; a request
//! that was first sent longer than `token_trusted` ago and has no job is given to people instead of being sent
//! again. One that was never sent, because it waits for a place, waits for as long as it must. A message
//! carries the job's tag, which is the content hash too: it names the job of a claim whose answer was lost.

mod door;
mod ended;
mod frames;
mod labels;
mod pace;
pub mod policy;
mod rows;
mod video;

pub use door::Door;
pub use ended::{EndedDeps, EndedLooks, LOOK_QUEUE, LOOK_TOPIC};
pub use frames::RekognitionClassifier;
pub use labels::JUDGES;
pub use policy::RekognitionPolicy;
pub use rows::VIDEO_LOOKS;
pub use video::{Channel, RekognitionVideo, VideoDeps};

use crate::dynamo::Table;
use crate::work::queues::Queue;

/// What a worker must be allowed to do; and `iam:PassRole` for the role below.
pub const ACTIONS: &[&str] = &[
    "rekognition:DetectModerationLabels",
    "rekognition:StartContentModeration",
    "rekognition:GetContentModeration",
    "iam:PassRole",
    "s3:GetObject",
];
/// What the role that Rekognition takes on must be allowed to do.
pub const ROLE_ACTIONS: &[&str] = &["sns:Publish"];
/// Of the key of an encrypted topic, for the same role.
pub const TOPIC_KEY: &[&str] = &["kms:GenerateDataKey", "kms:Decrypt"];

/// Every table of the room.
pub const TABLES: &[&Table] = &[&VIDEO_LOOKS];
/// Every queue of the room.
pub const QUEUES: &[&Queue] = &[&LOOK_QUEUE];
