//! Jobs in DynamoDB, delivered by SQS; domain events by EventBridge; arrivals from S3.

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

pub use arrivals::{ArrivalJobs, ArrivalSink, Arrivals};
pub use bus::{Bus, BusDeps, BusListener, BusPolicy};
pub use delivered::{Courier, CourierDeps, DeliveryPolicy, SAFETY_POLL, SqsDelivered};
pub use ears::{Ears, EarsDeps};
pub use jobs::DynamoJobStore;
pub use mail::Mailbox;
pub use post::JobLetter;
pub use queues::{QUEUES, create_queues};
pub use row::JOBS;
pub use video_event::{EVENT_TYPES, VideoEvent};

use crate::dynamo::Table;

/// Every table of this room.
pub const TABLES: &[&Table] = &[&JOBS];
