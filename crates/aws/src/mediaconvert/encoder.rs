//! The port: one job a piece of work, whoever asks and however often.
//!
//! Killed between any two steps, the next run finds the claim and goes on:
//! 1. take the claim: a conditional write, with the attempt that is wanted;
//! 2. no job is named: look for one with this work and attempt; only if there is none, say once more that the
//!    claim is ours and create it, with a token that the service knows for a minute;
//! 3. remember its name; an event may have named it before;
//! 4. wait: look at the row that events are written into, and now and then ask the service, which alone says how
//!    the job ended;
//! 5. fetch the track files, which stay for days, so that nothing is billed again.

use super::event::Stage;
use super::failure::ending;
use super::job::{JobSettings, Order};
use super::ledger::{Claim, Ledger};
use super::outputs::{Fetched, fetch};
use super::policy::{MediaConvertPolicy, PRICES, RECIPE};
use super::price::{Estimate, estimate};
use super::service::{Created, Service, State};
use crate::dynamo::Read;
use crate::objects::S3Objects;
use ::moderation::port::MediaError;
use ::transcode::per_title::Probed;
use ::transcode::{EncodeJob, Encoded, Encoder, ProbeJob, VerifyJob};
use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use stdx::{Clock, Entropy, Fault, FaultKind, crash};
use tokio::time::sleep;
use vocab::{MediaKey, Millis};

/// Points at which a test may kill the process.
pub const CLAIMED: &str = "mediaconvert.claimed";
pub const CREATED: &str = "mediaconvert.created";
pub const NAMED: &str = "mediaconvert.named";
pub const COMPLETE: &str = "mediaconvert.complete";

pub struct MediaConvertDeps {
    pub service: Service,
    pub ledger: Ledger,
    pub objects: S3Objects,
    /// Decodes what is published, as it does for its own encodes.
    pub local: Arc<dyn Encoder>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub settings: JobSettings,
    pub policy: MediaConvertPolicy,
}

/// `mediaconvert://`: pass B on AWS Elemental MediaConvert. Cheap to clone.
#[derive(Clone)]
pub struct MediaConvertEncoder(Arc<MediaConvertDeps>);

/// What one run works on.
struct Task<'a> {
    order: Order<'a>,
    work: String,
    job: &'a EncodeJob,
}

/// How waiting ended.
enum Waited {
    Complete,
    /// Its job came to nothing, without a bill.
    Spent(MediaError),
}

impl MediaConvertEncoder {
    pub fn new(deps: MediaConvertDeps) -> Self {
        Self(Arc::new(deps))
    }

    /// What the job of this order would cost.
    pub fn estimate(order: &Order<'_>) -> Estimate {
        estimate(order.plan, order.level().is_some(), &PRICES)
    }

    fn task<'a>(&'a self, job: &'a EncodeJob) -> Result<Task<'a>, MediaError> {
        let origin = job.origin.as_ref().ok_or_else(|| {
            MediaError::Failed(
                "MediaConvert reads from the object store, and this file stands in none".into(),
            )
        })?;
        let order = Order {
            video: job.video,
            plan: &job.plan,
            facts: &origin.facts,
            loudness: job.loudness,
            input: self.0.objects.uri(&origin.key),
            settings: &self.0.settings,
        };
        let work = order.work();
        Ok(Task { order, work, job })
    }

    async fn claim(&self, task: &Task<'_>, holder: &str) -> Result<Claim, Fault> {
        self.0.ledger.take(task.order.video, &task.work, holder, self.0.clock.now()).await
    }

    /// The name of the attempt's job, which is created if there is none.
    async fn job_of(&self, task: &Task<'_>, claim: &Claim) -> Result<String, MediaError> {
        if let Some(id) = &claim.job_id {
            return Ok(id.clone());
        }
        let (service, policy) = (&self.0.service, &self.0.policy);
        let found = service.find(claim, &task.order.input, policy.search_pages_max).await?;
        let id = match found {
            Some(id) => id,
            None => self.create(task, claim).await?,
        };
        crash::reached(CREATED);
        let named = self.0.ledger.name(claim, &id).await?;
        crash::reached(NAMED);
        // `None`: the attempt is over already, by another run. The next one takes the claim as it stands.
        named.ok_or_else(|| Fault::unavailable("another run has ended this attempt").into())
    }

    async fn create(&self, task: &Task<'_>, claim: &Claim) -> Result<String, MediaError> {
        let decided = self.0.clock.now();
        if claim.attempt > self.0.policy.attempts_max {
            let said = format!("{} jobs of MediaConvert came to nothing", claim.attempt - 1);
            return Err(MediaError::Failed(said));
        }
        let to = MediaKey::encoded_prefix(task.order.video, &task.work, claim.attempt);
        let request = task.order.request(&task.work, claim.attempt, &self.0.objects.uri_of(&to))?;
        if !self.0.ledger.intend(claim).await? {
            return Err(Fault::unavailable("another run works on this encode").into());
        }
        if self.0.clock.now() > decided.saturating_add(self.0.policy.create_within) {
            return Err(Fault::new(FaultKind::TimedOut, "too slow to create a job safely").into());
        }
        let cost = Self::estimate(&task.order);
        tracing::info!(
            video = %task.order.video, work = task.work, attempt = claim.attempt, outputs = cost.outputs,
            billed_ms = cost.billed.0, cost_micro_usd = cost.micros, "creating an encoding job"
        );
        match self.0.service.create(request, &self.0.settings).await? {
            Created::Job(id) => Ok(id),
            Created::Conflict => {
                Err(Fault::new(FaultKind::Throttled, "somebody creates this encoding job already").into())
            }
        }
    }

    /// Until the service says that the job has ended.
    async fn wait(&self, task: &Task<'_>, claim: &Claim, job_id: &str) -> Result<Waited, MediaError> {
        let policy = &self.0.policy;
        let until = self.0.clock.now().saturating_add(policy.patience);
        let (mut asked, mut ask_at, mut shown) = (0, Millis(i64::MIN), 0);
        loop {
            let now = self.0.clock.now();
            let row = self.0.ledger.look(claim.video, &claim.work, Read::Eventual).await?;
            let row = row.filter(|r| r.attempt == claim.attempt);
            let has_ended = row.as_ref().is_some_and(|r| r.stage == Stage::Ended);
            let mut percent = row.map_or(0, |r| r.percent);
            if has_ended || now >= ask_at {
                match self.0.service.state(job_id).await? {
                    Some(State::Complete) => return Ok(Waited::Complete),
                    Some(State::Error(code, message)) => return Ok(self.failed(code, &message)),
                    Some(State::Canceled) => {
                        let said = MediaError::Failed("the encoding job was cancelled".into());
                        return Ok(Waited::Spent(said));
                    }
                    Some(State::Working(p)) => percent = percent.max(p),
                    Some(State::Waiting) | None => {}
                }
                asked += 1;
                let most = policy.poll.ceiling(asked).0.max(1);
                // Between half and the whole: many jobs must not ask at once.
                let jitter = (self.0.entropy.u64() % (most as u64 / 2 + 1)) as i64;
                ask_at = now.saturating_add(Millis(most - jitter));
            }
            let bar = (u32::from(percent.min(100)) * u32::from(policy.encode_percent) / 100) as u8;
            if bar > shown {
                shown = bar;
                (task.job.progress)(bar);
            }
            if now >= until {
                let said = format!("job {job_id} has not ended yet: the next run waits on");
                return Err(Fault::new(FaultKind::TimedOut, said).into());
            }
            sleep(policy.look_every.to_duration()).await;
        }
    }

    fn failed(&self, code: Option<i32>, message: &str) -> Waited {
        let ended = ending(code, message);
        tracing::warn!(code, message, "an encoding job ended in an error");
        Waited::Spent(ended.into())
    }

    async fn run(&self, task: &Task<'_>, claim: &Claim, end: &CancelOnDrop) -> Result<Encoded, MediaError> {
        crash::reached(CLAIMED);
        let job_id = self.job_of(task, claim).await?;
        end.arm(claim, &job_id);
        let waited = self.wait(task, claim, &job_id).await?;
        end.disarm();
        let now = self.0.clock.now();
        match waited {
            Waited::Complete => {}
            // The file's own fault: the claim stays as it is, and so does the answer.
            Waited::Spent(MediaError::Refused(reason)) => return Err(MediaError::Refused(reason)),
            Waited::Spent(e) => {
                self.0.ledger.spend(claim, &job_id, now).await?;
                return Err(e);
            }
        }
        crash::reached(COMPLETE);
        let from = MediaKey::encoded_prefix(claim.video, &claim.work, claim.attempt);
        match fetch(&self.0.objects, task.job, &from).await? {
            Fetched::All(encoded) => {
                (task.job.progress)(100);
                Ok(encoded)
            }
            Fetched::Gone => {
                self.0.ledger.spend(claim, &job_id, now).await?;
                Err(MediaError::Failed(format!("nothing is left of job {job_id}: another one is made")))
            }
        }
    }
}

#[async_trait]
impl Encoder for MediaConvertEncoder {
    fn fingerprint(&self) -> String {
        format!("mediaconvert recipe {RECIPE} {}", self.0.settings.effort.word())
    }

    async fn encode(&self, job: EncodeJob) -> Result<Encoded, MediaError> {
        let task = self.task(&job)?;
        let holder = format!("{:032x}", self.0.entropy.u128());
        let claim = self.claim(&task, &holder).await?;
        let end = CancelOnDrop::new(self.clone());
        let done = self.run(&task, &claim, &end).await;
        // An answer of any kind: the job may go on, the next run waits for it.
        end.disarm();
        done
    }

    /// Two samples on this machine find the quality; a job for them would be billed for ten seconds each.
    async fn probe(&self, job: ProbeJob) -> Result<Option<Probed>, MediaError> {
        self.0.local.probe(job).await
    }

    async fn verify(&self, job: VerifyJob) -> Result<(), MediaError> {
        self.0.local.verify(job).await
    }
}

/// A run that is dropped in the middle ends its job, unless another run has taken the work over by then.
/// Best effort: a killed process ends nothing, and its job is found and waited for.
struct CancelOnDrop {
    encoder: MediaConvertEncoder,
    armed: AtomicBool,
    job: std::sync::Mutex<Option<(Claim, String)>>,
}

impl CancelOnDrop {
    fn new(encoder: MediaConvertEncoder) -> Self {
        Self { encoder, armed: AtomicBool::new(false), job: std::sync::Mutex::default() }
    }
    fn arm(&self, claim: &Claim, job_id: &str) {
        let job = Some((claim.clone(), job_id.to_owned()));
        *self.job.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = job;
        self.armed.store(true, Ordering::Release);
    }
    fn disarm(&self) {
        self.armed.store(false, Ordering::Release);
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        let job = self.job.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let (true, Some((claim, job_id))) = (self.armed.load(Ordering::Acquire), job) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let encoder = self.encoder.clone();
        runtime.spawn(async move {
            sleep(encoder.0.policy.cancel_grace.to_duration()).await;
            if let Err(error) = encoder.cancel(&claim, &job_id).await {
                tracing::warn!(%error, job = job_id, "an encoding job that nobody waits for goes on");
            }
        });
    }
}

impl MediaConvertEncoder {
    async fn cancel(&self, claim: &Claim, job_id: &str) -> Result<(), Fault> {
        let stands = self.0.ledger.look(claim.video, &claim.work, Read::Strong).await?;
        if stands.is_none_or(|s| s.holder != claim.holder || s.stage == Stage::Ended) {
            return Ok(());
        }
        self.0.service.cancel(job_id).await
    }
}
