//! Two runners over one file share the work: every job is done, none twice.

use async_trait::async_trait;
use embedded::work::{EmbeddedJobStore, SCHEMA};
use embedded::{Database, DbPolicy};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use stdx::{Clock, OsEntropy, SystemClock};
use tokio::sync::watch;
use work::{
    JobContext, JobError, JobHandler, JobStore, Jobs, NewJob, Outcome, Runner, RunnerDeps, Wake, Waking,
    WorkPolicy,
};

const KIND: &str = "kitchen.bake";

#[derive(Default)]
struct Baker(Mutex<BTreeMap<String, u32>>);

#[async_trait]
impl JobHandler for Baker {
    fn kind(&self) -> &'static str {
        KIND
    }
    async fn run(&self, context: JobContext) -> Result<Outcome, JobError> {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        *self.0.lock().expect("not poisoned").entry(context.job.key.clone()).or_default() += 1;
        Ok(Outcome::Done)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_job_is_done_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let db = Database::open(dir.path(), &[SCHEMA], &DbPolicy::default()).expect("opened");
    let wake = Wake::default();
    let store: Arc<dyn JobStore> = Arc::new(Waking::new(EmbeddedJobStore::new(db), wake.clone()));
    let jobs = Jobs::new(store.clone(), Arc::new(SystemClock), Arc::new(OsEntropy));
    let baker = Arc::new(Baker::default());
    let (stop, stopped) = watch::channel(false);
    let shifts: Vec<_> = (0..2)
        .map(|_| {
            let deps = RunnerDeps {
                store: store.clone(),
                clock: Arc::new(SystemClock),
                entropy: Arc::new(OsEntropy),
                wake: wake.clone(),
            };
            let runner = Runner::new(deps, WorkPolicy::default()).handle(baker.clone());
            let mut stopped = stopped.clone();
            tokio::spawn(async move {
                let shutdown = async {
                    let _ = stopped.wait_for(|stop| *stop).await;
                };
                runner.run(shutdown).await;
            })
        })
        .collect();
    let now = SystemClock.now();
    for n in 0..120 {
        jobs.submit(NewJob::new(KIND, n, now)).await.expect("submitted");
    }
    for _ in 0..600 {
        let left: u64 = store.tally().await.expect("counted").iter().map(|t| t.ready + t.running).sum();
        if left == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    stop.send(true).expect("the runners listen");
    for shift in shifts {
        shift.await.expect("ends well");
    }
    let done = baker.0.lock().expect("not poisoned");
    assert_eq!(done.len(), 120, "every job was done");
    assert!(done.values().all(|times| *times == 1), "and none twice");
}
