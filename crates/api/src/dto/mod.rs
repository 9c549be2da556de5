//! What travels: one place for every shape that more than one route answers with.

pub mod captions;
pub mod cover;
pub mod feed;
pub mod hydrate;
pub mod moderation;
pub mod ops;
pub mod owner;
pub mod page;
pub mod playback;
pub mod upload;
pub mod user;
pub mod video;

pub use captions::CaptionsList;
pub use cover::CoverStatus;
pub use owner::Owner;
pub use page::{Page, PageQuery};
pub use playback::Playback;
pub use video::Video;
