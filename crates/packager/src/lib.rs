#![doc = include_str!("../README.md")]

mod bandwidth;
mod boxes;
mod captions;
mod codec;
mod cut;
mod init;
mod language;
mod multivariant;
mod packaging;
mod playlist;
pub mod policy;
mod rendition;
mod segment;
pub mod synthetic;
mod track;
mod vtt;

pub use boxes::{PackError, top_level};
pub use captions::{CaptionError, Captions, Cue};
pub use codec::Range;
pub use language::{language_name, language_tag};
pub use multivariant::{CaptionsTrack, IFrameStream, Multivariant, SoundTrack, Variant, multivariant};
pub use packaging::{Files, Lengths, Packaging, PackagingError, Sound};
pub use playlist::{Addresses, captions_playlist, media_playlist};
pub use rendition::{IFrame, Rendition, Rendition as Muxed, mux, pack, pack_sound, same_cuts};
pub use track::{Kind, Sample, Track};
pub use vtt::{SpriteSheet, sprite_vtt};
