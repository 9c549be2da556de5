//! Runs due jobs: claims within the limits of each kind, keeps the leases alive, ends the claims.
//!
//! One future, no task of its own: whoever wires it decides where it runs. Jobs and heartbeats
//! share that task, so a handler that blocks would cost its neighbours their leases.

use crate::handler::{JobContext, JobError, JobHandler, Outcome};
use crate::job::{Job, JobState, NewJob};
use crate::jobs::Jobs;
use crate::policy::WorkPolicy;
use crate::port::{Claim, Ending, JobStore, JobStoreError, Prune};
use crate::wake::Wake;
use futures::FutureExt;
use futures::stream::{FuturesUnordered, StreamExt};
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use stdx::{Clock, Entropy};
use tokio::time::sleep;
use vocab::{JobId, Millis};

pub struct RunnerDeps {
    pub store: Arc<dyn JobStore>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub wake: Wake,
}

/// A job that is due again and again.
#[derive(Debug, Clone)]
struct Periodic {
    kind: &'static str,
    every: Millis,
    next_at: Millis,
}

/// The key of every periodic job: one live job a kind.
pub const PERIODIC_KEY: &str = "periodic";

/// Points at which a test may kill the process.
pub const CLAIMED: &str = "work.claimed";
pub const FINISHING: &str = "work.finishing";
pub const FINISHED: &str = "work.finished";

/// Tries to write how a job ended before its lease is left to run out.
const FINISH_TRIES: u32 = 5;

pub struct Runner {
    deps: RunnerDeps,
    jobs: Jobs,
    policy: WorkPolicy,
    handlers: BTreeMap<&'static str, Arc<dyn JobHandler>>,
    periodic: Vec<Periodic>,
    /// Claims whose handler is running: what a drain that ran out of time gives back.
    claims: Mutex<BTreeMap<JobId, u64>>,
}

/// Why driving a job stopped before its handler did.
enum Stop {
    Fenced,
    Cancelled,
}

type Panic = Box<dyn std::any::Any + Send>;

impl Runner {
    pub fn new(deps: RunnerDeps, policy: WorkPolicy) -> Self {
        let jobs = Jobs::new(Arc::clone(&deps.store), Arc::clone(&deps.clock), Arc::clone(&deps.entropy));
        let (handlers, claims) = (BTreeMap::new(), Mutex::default());
        Self { deps, jobs, policy, handlers, periodic: Vec::new(), claims }
    }

    /// Runs the jobs of the handler's kind.
    pub fn handle(mut self, handler: Arc<dyn JobHandler>) -> Self {
        self.handlers.insert(handler.kind(), handler);
        self
    }

    /// Runs the jobs of the handler's kind and enqueues one at the start and then every so often.
    pub fn every(mut self, every: Millis, handler: Arc<dyn JobHandler>) -> Self {
        self.periodic.push(Periodic { kind: handler.kind(), every, next_at: Millis(0) });
        self.handle(handler)
    }

    pub fn kinds(&self) -> Vec<&'static str> {
        self.handlers.keys().copied().collect()
    }

    /// Works until `shutdown` is ready, then lets running jobs finish within the drain time and
    /// gives the others back. Never fails: a store that is out of reach is asked again.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) {
        let mut running = FuturesUnordered::new();
        let mut busy: BTreeMap<&'static str, usize> = BTreeMap::new();
        let mut periodic = self.periodic.clone();
        let mut prune_at = Millis(0);
        let mut bell = self.deps.wake.listen();
        let mut pause = self.policy.poll_every;
        tokio::pin!(shutdown);
        loop {
            self.enqueue_periodic(&mut periodic).await;
            self.prune_when_due(&mut prune_at).await;
            let taken = self.claim_all(&busy).await;
            pause = if taken.is_empty() { self.policy.poll_after(pause) } else { self.policy.poll_every };
            for (handler, job) in taken {
                *busy.entry(handler.kind()).or_default() += 1;
                running.push(self.drive(handler, job));
            }
            tokio::select! {
                () = &mut shutdown => break,
                Some(kind) = running.next() => {
                    pause = self.policy.poll_every;
                    free(&mut busy, kind);
                    // What ended meanwhile makes room for one and the same claim.
                    while let Some(Some(kind)) = running.next().now_or_never() {
                        free(&mut busy, kind);
                    }
                }
                () = bell.rung() => pause = self.policy.poll_every,
                () = sleep(pause.to_duration()) => {}
            }
        }
        self.drain(running).await;
    }

    async fn enqueue_periodic(&self, periodic: &mut [Periodic]) {
        let now = self.deps.clock.now();
        for p in periodic.iter_mut().filter(|p| p.next_at <= now) {
            match self.jobs.submit(NewJob::new(p.kind, PERIODIC_KEY, now)).await {
                Ok(_) => p.next_at = now.saturating_add(p.every),
                Err(error) => tracing::warn!(kind = p.kind, %error, "cannot enqueue a periodic job"),
            }
        }
    }

    async fn prune_when_due(&self, prune_at: &mut Millis) {
        let now = self.deps.clock.now();
        if now < *prune_at {
            return;
        }
        let prune = Prune {
            ended_before: now.saturating_sub(self.policy.keep_ended),
            dead_before: now.saturating_sub(self.policy.keep_dead),
            limit: self.policy.prune_batch,
        };
        match self.deps.store.prune(prune).await {
            // A full batch says that there is more: go on at the next turn.
            Ok(pruned) if pruned == self.policy.prune_batch => {}
            Ok(_) => *prune_at = now.saturating_add(self.policy.prune_every),
            Err(error) => {
                tracing::warn!(%error, "cannot forget old jobs");
                *prune_at = now.saturating_add(self.policy.prune_every);
            }
        }
    }

    async fn claim_all(&self, busy: &BTreeMap<&'static str, usize>) -> Vec<(Arc<dyn JobHandler>, Job)> {
        let mut taken = Vec::new();
        for (kind, handler) in &self.handlers {
            let room = self.policy.concurrency_of(kind).saturating_sub(busy.get(kind).copied().unwrap_or(0));
            if room == 0 {
                continue;
            }
            let claim = Claim {
                kinds: vec![(*kind).to_owned()],
                now: self.deps.clock.now(),
                lease: self.policy.lease,
                limit: room,
            };
            match self.deps.store.claim(claim).await {
                Ok(jobs) => taken.extend(jobs.into_iter().map(|job| (Arc::clone(handler), job))),
                Err(error) => tracing::warn!(kind, %error, "cannot claim jobs"),
            }
        }
        if !taken.is_empty() {
            stdx::crash::reached(CLAIMED);
        }
        self.claims().extend(taken.iter().map(|(_, job)| (job.id, job.fence)));
        taken
    }

    /// One claim from its start to its end. Answers the kind, whose place is free again.
    async fn drive(&self, handler: Arc<dyn JobHandler>, job: Job) -> &'static str {
        let kind = handler.kind();
        let context = JobContext::new(job.clone());
        let ending = tokio::select! {
            biased;
            out = AssertUnwindSafe(handler.run(context.clone())).catch_unwind() => Some(self.ending(&job, out)),
            stop = self.keep(&job, &context) => match stop {
                Stop::Fenced => None,
                Stop::Cancelled => Some(Ending::Cancelled),
            },
        };
        match ending {
            Some(ending) => self.settle(handler.as_ref(), &job, ending).await,
            None => tracing::warn!(kind, job = %job.id, key = job.key, "another worker took this job over"),
        }
        self.claims().remove(&job.id);
        kind
    }

    /// Keeps the lease until the claim is lost or the handler had its time to stop.
    async fn keep(&self, job: &Job, context: &JobContext) -> Stop {
        let every = self.policy.heartbeat_every();
        let pause = every.min(self.policy.progress_every);
        let started = self.deps.clock.now();
        let mut lease_until = job.lease_until.unwrap_or(started);
        let (mut beat_at, mut written) = (started.saturating_add(every), 0);
        let mut stop_at = None;
        loop {
            sleep(pause.to_duration()).await;
            let (now, percent) = (self.deps.clock.now(), context.percent());
            if stop_at.is_some_and(|at| at <= now) {
                return Stop::Cancelled;
            }
            if now < beat_at && percent == written {
                continue;
            }
            let until = now.saturating_add(self.policy.lease);
            match self.deps.store.heartbeat(job.id, job.fence, until, percent).await {
                Ok(beat) => {
                    (lease_until, beat_at, written) = (until, now.saturating_add(every), percent);
                    if beat.cancel_requested && stop_at.is_none() {
                        context.cancel();
                        stop_at = Some(now.saturating_add(self.policy.cancel_grace));
                    }
                }
                Err(JobStoreError::Fenced(_) | JobStoreError::NotFound(_)) => return Stop::Fenced,
                // Without a lease somebody else may have the job: stop rather than run beside them.
                Err(_) if lease_until <= now => return Stop::Fenced,
                Err(error) => tracing::warn!(job = %job.id, %error, "heartbeat failed"),
            }
        }
    }

    fn ending(&self, job: &Job, out: Result<Result<Outcome, JobError>, Panic>) -> Ending {
        let now = self.deps.clock.now();
        let again = |error: String, after: Option<Millis>| {
            let backoff =
                self.policy.backoff.delay(job.attempt.saturating_sub(1), self.deps.entropy.as_ref());
            Ending::Retry { run_at: now.saturating_add(after.unwrap_or(backoff)), error }
        };
        match out {
            Ok(Ok(Outcome::Done)) => Ending::Done,
            Ok(Ok(Outcome::Cancelled)) => Ending::Cancelled,
            Ok(Ok(Outcome::Later { run_at })) => Ending::Released { run_at },
            Ok(Err(JobError::Retry { error, after })) => again(error, after),
            Ok(Err(JobError::NoRoom { error })) if self.is_patient_with(job, now) => {
                tracing::warn!(kind = job.kind, job = %job.id, key = job.key, error, "no room; again later");
                // Attempts stand still here; claims do not.
                let tries = u32::try_from(job.fence.saturating_sub(1)).unwrap_or(u32::MAX);
                let wait = self.policy.room_backoff.delay(tries, self.deps.entropy.as_ref());
                Ending::Released { run_at: now.saturating_add(wait) }
            }
            Ok(Err(JobError::NoRoom { error })) => again(error, None),
            Ok(Err(JobError::Dead { error })) => Ending::Dead { error },
            Err(panic) => again(format!("panicked: {}", words_of(&panic)), None),
        }
    }

    fn is_patient_with(&self, job: &Job, now: Millis) -> bool {
        now.saturating_sub(job.created_at) < self.policy.room_patience
    }

    async fn settle(&self, handler: &dyn JobHandler, job: &Job, ending: Ending) {
        stdx::crash::reached(FINISHING);
        for attempt in 0..FINISH_TRIES {
            let now = self.deps.clock.now();
            match self.deps.store.finish(job.id, job.fence, ending.clone(), now).await {
                Ok(job) => {
                    stdx::crash::reached(FINISHED);
                    return tell(handler, &job).await;
                }
                Err(JobStoreError::Fault(error)) => {
                    tracing::warn!(job = %job.id, %error, "cannot write how a job ended");
                    sleep(self.policy.backoff.delay(attempt, self.deps.entropy.as_ref()).to_duration()).await;
                }
                Err(error) => return tracing::warn!(job = %job.id, %error, "a job ended without its claim"),
            }
        }
    }

    async fn drain(&self, mut running: FuturesUnordered<impl Future<Output = &'static str>>) {
        let deadline = sleep(self.policy.drain.to_duration());
        tokio::pin!(deadline);
        while !running.is_empty() {
            tokio::select! {
                _ = running.next() => {}
                () = &mut deadline => break,
            }
        }
        // Handlers that did not finish are dropped first, so that nobody works beside the next claim.
        drop(running);
        let left = std::mem::take(&mut *self.claims());
        for (id, fence) in left {
            let now = self.deps.clock.now();
            match self.deps.store.finish(id, fence, Ending::Released { run_at: now }, now).await {
                Ok(job) => tracing::info!(kind = job.kind, job = %id, "given back unfinished"),
                Err(error) => tracing::warn!(job = %id, %error, "cannot give a job back"),
            }
        }
    }

    fn claims(&self) -> MutexGuard<'_, BTreeMap<JobId, u64>> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn free(busy: &mut BTreeMap<&'static str, usize>, kind: &'static str) {
    let places = busy.entry(kind).or_default();
    *places = places.saturating_sub(1);
}

async fn tell(handler: &dyn JobHandler, job: &Job) {
    match job.state {
        JobState::Dead => {
            let error = job.last_error.as_deref().unwrap_or_default();
            tracing::error!(kind = job.kind, job = %job.id, key = job.key, error, "dead letter");
            if AssertUnwindSafe(handler.buried(job)).catch_unwind().await.is_err() {
                tracing::error!(kind = job.kind, job = %job.id, "burying a job panicked");
            }
        }
        JobState::Ready => {
            let error = job.last_error.as_deref().unwrap_or_default();
            tracing::info!(kind = job.kind, job = %job.id, key = job.key, attempt = job.attempt, error, "again later");
        }
        JobState::Running | JobState::Done | JobState::Cancelled => {}
    }
}

fn words_of(panic: &Panic) -> String {
    let said = panic.downcast_ref::<String>().map(String::as_str);
    said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned()
}
