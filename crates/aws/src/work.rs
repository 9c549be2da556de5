//! Jobs in DynamoDB, delivered by SQS; domain events by EventBridge; arrivals from S3.
//!
//! | Piece | Is |
//! |---|---|
//! | [`DynamoJobStore`] | the jobs: claims, leases, fences, by conditions on one row (`row.rs` says what a row costs) |
//! | [`SqsDelivered`], [`Courier`] | a message for every job that becomes ready; the courier rouses the runner |
//! | [`BusListener`], [`Bus`] | status changes of this process onto the bus |
//! | [`Ears`] | status changes of other processes, from a queue of this process's own |
//! | [`Arrivals`] | what S3 wrote becomes an `upload.arrived` job where the request that led the upload did not get through |
//! | [`QUEUES`], [`EVENT_TYPES`], [`TABLES`] | what the contract prints and tests create |
//!
//! Messages are nudges. The table is the truth, and a runner that looks every [`SAFETY_POLL`] finds whatever
//! a lost message would have told. Couriers, bus and ears are futures that never fail: the root runs them,
//! the courier longer than its runner, so that what a drain gives back is told.

mod arrivals;
mod bus;
mod claim;
mod courier;
mod delivered;
pub mod ears;
mod jobs;
mod live;
mod look;
pub mod mail;
mod post;
pub mod queues;
mod row;
pub mod s3_event;
pub mod video_event;

pub use arrivals::{Arrival, ArrivalJobs, ArrivalSink, Arrivals, AwaitedArrivals};
pub use bus::{Bus, BusDeps, BusListener, BusPolicy};
pub use delivered::{Courier, CourierDeps, DeliveryPolicy, SAFETY_POLL, SqsDelivered};
pub use ears::{Ears, EarsDeps};
pub use jobs::DynamoJobStore;
pub use mail::Mailbox;
pub use post::JobLetter;
pub use queues::{QUEUES, create_bus, create_queues};
pub use row::JOBS;
pub use video_event::{EVENT_TYPES, VideoEvent};

use crate::dynamo::Table;

/// Every table of this room.
pub const TABLES: &[&Table] = &[&JOBS];
