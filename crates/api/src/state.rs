//! Everything a handler may use.

use crate::config::ApiConfig;
use crate::cursor::Cursors;
use crate::limits::RateLimiter;
use crate::ops::{Machine, Series, Traffic};
use crate::web::Site;
use async_trait::async_trait;
use catalog::{LibraryStore, Owners, VideoStore};
use delivery::Origin;
use engagement::{EngagementPolicy, EngagementStore, Reactions};
use events::Ingest;
use feed::Feed;
use identity::{Issuer, TokenVerifier};
use moderation::Reviews;
use push::Hub;
use serde::{Deserialize, Serialize};
use std::ops::Deref;
use std::sync::Arc;
use stdx::{Clock, Entropy, Fault};
use telemetry::Indicators;
use tokio::sync::Semaphore;
use transcode::captions::CaptionsDesk;
use transcode::cover::CoverDesk;
use upload::Uploads;
use utoipa::ToSchema;
use work::JobStore;

/// What the root gives to the entrance: the slices' agents and ports.
pub struct Deps {
    pub config: ApiConfig,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    /// Of the lists' cursors; kept with the data, so that a cursor outlives a restart.
    pub cursor_key: [u8; 32],
    pub issuer: Arc<Issuer>,
    pub verifier: Arc<dyn TokenVerifier>,
    pub videos: Arc<dyn VideoStore>,
    pub library: Arc<dyn LibraryStore>,
    pub owners: Arc<Owners>,
    pub captions: Arc<CaptionsDesk>,
    pub covers: Arc<CoverDesk>,
    pub jobs: Arc<dyn JobStore>,
    pub uploads: Arc<Uploads>,
    pub reviews: Arc<Reviews>,
    pub events: Arc<Ingest>,
    pub engagement: Arc<dyn EngagementStore>,
    pub engagement_policy: EngagementPolicy,
    pub reactions: Arc<Reactions>,
    pub feed: Arc<Feed>,
    pub origin: Arc<Origin>,
    pub hub: Arc<Hub>,
    pub indicators: Arc<Indicators>,
    pub machine: Arc<dyn Machine>,
    pub web: Arc<Site>,
    /// On the laptop only.
    pub demo: Option<Arc<dyn DemoPort>>,
    pub health: Health,
}

/// What `/readyz` and `/metrics` answer with.
pub struct Health {
    pub checks: Vec<Arc<dyn Check>>,
    /// Renders the Prometheus text; `None` = 404.
    pub metrics: Option<Box<dyn Fn() -> String + Send + Sync>>,
}

/// One thing that must work before this process takes traffic.
#[async_trait]
pub trait Check: Send + Sync + 'static {
    fn name(&self) -> &'static str;
    /// A sentence when it does not.
    async fn check(&self) -> Result<(), String>;
}

/// How much demo content is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DemoOrder {
    /// Videos to make, 1–100.
    #[schema(minimum = 1, maximum = 100)]
    pub videos: Option<u32>,
    /// Viewers to simulate, 0–1,000.
    #[schema(maximum = 1000)]
    pub viewers: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct DemoProgress {
    pub running: bool,
    pub done: u32,
    pub total: u32,
    pub published: u32,
    /// A sentence for whoever waits.
    pub message: String,
}

/// Makes demo content through the public API.
#[async_trait]
pub trait DemoPort: Send + Sync + 'static {
    /// Starts, or goes on where a run is under way already.
    async fn start(&self, order: DemoOrder) -> Result<DemoProgress, Fault>;
    async fn progress(&self) -> DemoProgress;
}

/// A cheap handle on [`Deps`] and what the entrance itself keeps.
#[derive(Clone)]
pub struct ApiState(Arc<Inner>);

pub struct Inner {
    deps: Deps,
    pub limiter: RateLimiter,
    pub in_flight: Arc<Semaphore>,
    pub cursors: Cursors,
    pub traffic: Traffic,
    pub series: Series,
}

impl ApiState {
    pub fn new(deps: Deps) -> Self {
        let policy = &deps.config.policy;
        let limiter = RateLimiter::new(policy.rates.clone());
        let in_flight = Arc::new(Semaphore::new(policy.in_flight_max));
        let cursors = Cursors::new(deps.cursor_key);
        let traffic = Traffic::since(deps.clock.now());
        let series = Series::new(policy.series_points);
        Self(Arc::new(Inner { deps, limiter, in_flight, cursors, traffic, series }))
    }
}

impl Deref for ApiState {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Deref for Inner {
    type Target = Deps;
    fn deref(&self) -> &Deps {
        &self.deps
    }
}
