#![doc = include_str!("../README.md")]

pub mod announcing;
pub mod blocked;
pub mod changes;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod ids;
pub mod jobs;
pub mod memory;
pub mod metadata;
pub mod moves;
pub mod owners;
pub mod policy;
pub mod port;
pub mod reach;
pub mod sweep;
pub mod video;
pub mod visibility;
pub mod words;

pub use announcing::{Announcing, Listeners};
pub use blocked::BlockedWords;
pub use changes::{ChangeRate, Changes};
pub use memory::{MemoryLibraryStore, MemoryVideoStore};
pub use metadata::{FieldError, InvalidFields};
pub use owners::{Change, OwnerError, Owners, OwnersDeps};
pub use policy::CatalogPolicy;
pub use port::{
    Advance, Edit, Facts, Growth, LibraryStore, Shelf, StatusListener, VideoPage, VideoStore, VideoStoreError,
};
pub use reach::VideoStoreExt;
pub use video::{
    Appeal, AskedCover, CaptionsFacts, Cover, CoverState, Layout, Metadata, OwnCover, OwnersCaptions,
    Package, QualityFacts, Rates, RenditionFacts, SoundFacts, SourceFacts, SpriteFacts, Tracks, Transform,
    VerdictFacts, Video,
};
pub use visibility::{Sight, Viewer, visible};
