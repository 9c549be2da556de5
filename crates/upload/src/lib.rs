#![doc = include_str!("../README.md")]

mod completion;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
pub mod intake;
pub mod jobs;
pub mod memory;
pub mod plan;
pub mod policy;
pub mod port;
pub mod quota;
pub mod record;
pub mod uploads;

pub use error::UploadError;
pub use intake::StartUpload;
pub use memory::{MemoryRawStore, MemoryUploadStore};
pub use plan::PartPlan;
pub use policy::UploadPolicy;
pub use port::{
    Begin, KeyClaim, Limits, PartToSign, RawFacts, RawStore, RawStoreError, ReceivedPart, Reservation,
    SignedPart, Signing, UploadQuery, UploadStore, UploadStoreError, Usage,
};
pub use record::{Upload, UploadState};
pub use uploads::{CompleteUpload, PartClaim, PartWant, Progress, SweepReport, Uploads, UploadsDeps};
