//! What `/readyz` and the start look at: each table, the bucket, its rules for browsers.

use api::Check;
use async_trait::async_trait;
use aws::dynamo::{Dynamo, Table};
use aws::objects::S3Objects;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// A balancer asks every few seconds, of every process; AWS is asked no more often than this.
const FRESH: Duration = Duration::from_secs(10);
/// Longest wait for a look.
const PATIENCE: Duration = Duration::from_secs(5);

/// Every table the records of this build stand in.
pub fn tables() -> Vec<&'static Table> {
    [
        aws::catalog::TABLES,
        aws::upload::TABLES,
        aws::work::TABLES,
        aws::moderation::TABLES,
        aws::identity::TABLES,
        aws::events::TABLES,
        aws::engagement::TABLES,
        aws::feed::TABLES,
        aws::notices::TABLES,
        aws::mediaconvert::TABLES,
        aws::rekognition::TABLES,
    ]
    .concat()
}

pub(super) type Said = Result<(), String>;

/// The last answer of a look, kept for a moment.
struct Recently<L> {
    name: &'static str,
    look: L,
    last: Mutex<Option<(Instant, Said)>>,
}

#[async_trait]
pub(super) trait Look: Send + Sync + 'static {
    async fn look(&self) -> Said;
}

pub(super) fn recently<L: Look>(name: &'static str, look: L) -> Arc<dyn Check> {
    Arc::new(Recently { name, look, last: Mutex::new(None) })
}

/// As [`recently`] of what was found well this moment: the start asks no second time.
pub(super) fn just_seen<L: Look>(name: &'static str, look: L) -> Arc<dyn Check> {
    Arc::new(Recently { name, look, last: Mutex::new(Some((Instant::now(), Ok(())))) })
}

#[async_trait]
impl<L: Look> Check for Recently<L> {
    fn name(&self) -> &'static str {
        self.name
    }
    async fn check(&self) -> Said {
        let mut last = self.last.lock().await;
        if let Some((at, said)) = last.as_ref()
            && at.elapsed() < FRESH
        {
            return said.clone();
        }
        let said = match tokio::time::timeout(PATIENCE, self.look.look()).await {
            Ok(said) => said,
            Err(_) => Err(format!("{} does not answer within {PATIENCE:?}", self.name)),
        };
        *last = Some((Instant::now(), said.clone()));
        said
    }
}

struct TableStands(Dynamo, &'static Table);

#[async_trait]
impl Look for TableStands {
    async fn look(&self) -> Said {
        aws::checks::table(&self.0, self.1).await
    }
}

pub fn of_tables(dynamo: &Dynamo) -> Vec<Arc<dyn Check>> {
    let check = |table: &'static Table| recently(table.name, TableStands(dynamo.clone(), table));
    tables().into_iter().map(check).collect()
}

struct BucketStands(S3Objects);

#[async_trait]
impl Look for BucketStands {
    async fn look(&self) -> Said {
        self.0.check().await
    }
}

pub fn of_bucket(engine: S3Objects) -> Arc<dyn Check> {
    recently("bucket", BucketStands(engine))
}
