#![doc = include_str!("../README.md")]

pub mod app;
pub mod auth;
pub mod body;
pub mod config;
pub mod cursor;
pub mod dto;
pub mod gauged;
pub mod ids;
pub mod limits;
pub mod openapi;
pub mod ops;
pub mod policy;
pub mod problem;
pub mod routes;
pub mod serve;
pub mod state;
pub mod web;

pub use app::{app, openapi_document};
pub use config::ApiConfig;
pub use gauged::{Gauged, RankerGauge};
pub use ops::{Disk, Machine, sample_forever};
pub use problem::{Outcome, Problem, Slug};
pub use serve::{ServePolicy, serve};
pub use state::{ApiState, Check, DemoOrder, DemoPort, DemoProgress, Deps, Health};
pub use web::Site;
