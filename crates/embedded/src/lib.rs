#![doc = include_str!("../README.md")]

pub mod catalog;
pub mod db;
pub mod engagement;
pub mod events;
pub mod feed;
pub mod identity;
pub mod library;
pub mod moderation;
pub mod objects;
mod orphans;
pub mod policy;
pub mod upload;
pub mod work;

pub use db::Database;
pub use policy::DbPolicy;

/// The tables of every room, in the order they are created.
pub const SCHEMA: &[&str] = &[
    catalog::SCHEMA,
    library::SCHEMA,
    work::SCHEMA,
    identity::SCHEMA,
    moderation::SCHEMA,
    upload::SCHEMA,
    events::SCHEMA,
    engagement::SCHEMA,
    feed::SCHEMA,
];
