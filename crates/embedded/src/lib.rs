#![doc = include_str!("../README.md")]

pub mod db;
pub mod policy;

pub use db::Database;
pub use policy::DbPolicy;

/// The tables of every room, in the order they are created.
pub const SCHEMA: &[&str] = &[];
