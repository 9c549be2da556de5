#![doc = include_str!("../README.md")]

mod closer;
pub mod colours;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "conformance")]
pub mod conformance_second_look;
pub mod covers;
pub mod decisions;
pub mod jobs;
pub mod likeness;
mod lookalikes;
pub mod memory;
pub mod moderator;
mod opinion;
pub mod phash;
pub mod policy;
pub mod port;
pub mod record;
pub mod reviews;
pub mod sampling;
mod second_look;
pub mod settle;
pub mod still;
pub mod verdict;
pub mod work_dir;

pub use covers::{CoverAsk, CoverRuling};
pub use decisions::Ask;
pub use jobs::{JudgeHandler, SETTLE, SettleHandler};
pub use likeness::Likeness;
pub use lookalikes::Lookalikes;
pub use memory::{
    MemoryBlockList, MemoryFrameBlockList, MemoryModerationStore, MemorySecondLook, MemorySourceFiles,
};
pub use moderator::{Attempt, JudgeError, Moderator, ModeratorDeps};
pub use phash::FrameHash;
pub use policy::{
    CloserPolicy, CoverLimits, Found, LikenessPolicy, ModerationPolicy, Reason, Rule, SamplingPolicy,
    Trigger, Unjudged,
};
pub use port::{
    BlockEntry, BlockList, CloserJob, Content, CoverJob, DrawnCover, Examination, ExamineJob, Examiner,
    FileError, FrameBlock, FrameBlockList, FrameClassifier, LocalFile, Loudness, MediaError, ModerationStore,
    ModerationStoreError, Progress, SampledFrame, SecondLook, SecondLookJob, Sight, SourceFiles, Sprite,
    Trail, TrailFilter,
};
pub use record::{
    ClassifierId, Decider, Decision, Draft, JudgedCover, JudgedFrame, LabelSummary, ModerationRecord,
    Resemblance,
};
pub use reviews::{Detail, QueuePage, ReviewError, Reviews, ReviewsDeps, Waiting};
pub use sampling::{CloserPlan, SamplingPlan, plan};
pub use settle::{Desk, SettleError};
pub use still::{Still, StillKind};
pub use verdict::Ruling;
