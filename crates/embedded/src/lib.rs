#![doc = include_str!("../README.md")]

pub mod catalog;
pub mod db;
pub mod identity;
pub mod library;
pub mod moderation;
pub mod policy;
pub mod work;

pub use db::Database;
pub use policy::DbPolicy;

/// The tables of every room, in the order they are created.
pub const SCHEMA: &[&str] = &[catalog::SCHEMA, library::SCHEMA, work::SCHEMA, identity::SCHEMA, moderation::SCHEMA];
