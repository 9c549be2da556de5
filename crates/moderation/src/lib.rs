#![doc = include_str!("../README.md")]

pub mod policy;
pub mod port;
pub mod record;
pub mod sampling;

pub use port::{
    BlockEntry, BlockList, Content, Examination, ExamineJob, Examiner, FileError, FrameClassifier, LocalFile,
    Loudness, MediaError, ModerationStore, ModerationStoreError, Progress, SampledFrame, SourceFiles, Sprite,
    Trail, TrailFilter,
};
pub use record::{Decision, Draft, JudgedFrame, ModerationRecord};
pub use sampling::{SamplingPlan, plan};
