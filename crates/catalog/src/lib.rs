#![doc = include_str!("../README.md")]

pub mod port;
pub mod video;

pub use port::{
    Advance, Edit, Facts, LibraryStore, Shelf, StatusListener, VideoPage, VideoStore, VideoStoreError,
};
pub use video::{
    Metadata, Package, RenditionFacts, SourceFacts, SpriteFacts, Transform, VerdictFacts, Video,
};
