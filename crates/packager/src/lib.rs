#![doc = include_str!("../README.md")]

mod bandwidth;
mod boxes;
mod codec;
mod cut;
mod init;
mod mux;
mod playlist;
mod segment;
pub mod synthetic;
mod track;
mod vtt;

pub use boxes::{PackError, top_level};
pub use mux::{Muxed, mux, same_cuts};
pub use playlist::{Variant, media_playlist, multivariant};
pub use track::{Kind, Sample, Track};
pub use vtt::{SpriteSheet, sprite_vtt};
