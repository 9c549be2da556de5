//! Everything a handler may use.

use crate::config::ApiConfig;
use crate::limits::RateLimiter;
use async_trait::async_trait;
use catalog::{LibraryStore, VideoStore};
use identity::{Issuer, Verifier};
use std::ops::Deref;
use std::sync::Arc;
use stdx::{Clock, Entropy};
use tokio::sync::Semaphore;
use work::JobStore;

/// What the root gives to the entrance: the slices' agents and ports.
pub struct Deps {
    pub config: ApiConfig,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub issuer: Arc<Issuer>,
    pub verifier: Arc<Verifier>,
    pub videos: Arc<dyn VideoStore>,
    pub library: Arc<dyn LibraryStore>,
    pub jobs: Arc<dyn JobStore>,
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

/// A cheap handle on [`Deps`] and what the entrance itself keeps.
#[derive(Clone)]
pub struct ApiState(Arc<Inner>);

pub struct Inner {
    deps: Deps,
    pub limiter: RateLimiter,
    pub in_flight: Arc<Semaphore>,
}

impl ApiState {
    pub fn new(deps: Deps) -> Self {
        let limiter = RateLimiter::new(deps.config.policy.rates.clone());
        let in_flight = Arc::new(Semaphore::new(deps.config.policy.in_flight_max));
        Self(Arc::new(Inner { deps, limiter, in_flight }))
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
