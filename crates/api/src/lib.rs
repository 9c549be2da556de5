#![doc = include_str!("../README.md")]

pub mod app;
pub mod auth;
pub mod body;
pub mod config;
pub mod ids;
pub mod limits;
pub mod openapi;
pub mod policy;
pub mod problem;
pub mod routes;
pub mod state;

pub use app::{app, openapi_document};
pub use config::ApiConfig;
pub use problem::{Outcome, Problem, Slug};
pub use state::{ApiState, Check, Deps, Health};
