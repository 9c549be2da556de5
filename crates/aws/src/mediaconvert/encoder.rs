//! The port: one job a piece of work, whoever asks and however often.
//!
//! Killed between any two steps, the next run finds the claim and goes on:
//! 1. take the claim: a conditional write, with the attempt that is wanted;
//! 2. no job is named: look for one with this work and attempt; only if there is none, say once more that the
//!    claim is ours and create it, with a token that the service knows for a minute;
//! 3. remember its name; an event may have named it before;
//! 4. wait: look at the row that events are written into, and now and then ask the service, which alone says how
//!    the job ended; a look that fails is no news;
//! 5. fetch the track files, which stay for days, so that nothing is billed again.
//!
//! A service or a table that is busy or out of reach, and a job that takes longer than one run waits, are no
//! failure of the encode: [`put_off`] makes them a lack of room, which uses up no attempt of whoever asks.

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
use ::transcode::{EncodeJob, Encoded, Encoder, VerifyJob};
use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use stdx::{Clock, Entropy, Fault, crash};
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
        let found = service.find(claim, &task.order.input, policy.search_pages_max).await.map_err(put_off)?;
        let id = match found {
            Some(id) => id,
            None => self.create(task, claim).await?,
        };
        crash::reached(CREATED);
        let named = self.0.ledger.name(claim, &id).await.map_err(put_off)?;
        crash::reached(NAMED);
        // `None`: the attempt is over already, by another run. The next one takes the claim as it stands.
        named.ok_or_else(|| Fault::full("another run has ended this attempt").into())
    }

    async fn create(&self, task: &Task<'_>, claim: &Claim) -> Result<String, MediaError> {
        let decided = self.0.clock.now();
        let (spent, policy) = (claim.spent_by(decided, &self.0.policy), &self.0.policy);
        if spent >= policy.attempts_max {
            return Err(MediaError::Failed(format!("{spent} jobs of MediaConvert came to nothing")));
        }
        let to = MediaKey::encoded_prefix(task.order.video, &task.work, claim.attempt);
        let request = task.order.request(&task.work, claim.attempt, &self.0.objects.uri_of(&to))?;
        if !self.0.ledger.intend(claim).await.map_err(put_off)? {
            return Err(Fault::full("another run works on this encode").into());
        }
        if self.0.clock.now() > decided.saturating_add(policy.create_within) {
            return Err(Fault::full("too slow to create a job safely").into());
        }
        let cost = Self::estimate(&task.order);
        tracing::info!(
            video = %task.order.video, work = task.work, attempt = claim.attempt, outputs = cost.outputs,
            billed_ms = cost.billed.0, cost_micro_usd = cost.micros, "creating an encoding job"
        );
        match self.0.service.create(request, &self.0.settings).await.map_err(put_off)? {
            Created::Job(id) => Ok(id),
            Created::Conflict => Err(Fault::full("somebody creates this encoding job already").into()),
        }
    }

    /// Until the service says that the job has ended.
    async fn wait(&self, task: &Task<'_>, claim: &Claim, job_id: &str) -> Result<Waited, MediaError> {
        let policy = &self.0.policy;
        let until = self.0.clock.now().saturating_add(policy.patience);
        let (mut asked, mut ask_at, mut shown) = (0, Millis(i64::MIN), 0);
        // Whether the service answered the last time: one that does not is asked no faster for an event.
        let mut answers = true;
        loop {
            let now = self.0.clock.now();
            let row = self.0.ledger.look(claim.video, &claim.work, Read::Eventual).await;
            let row = news(row, job_id)?.flatten().filter(|r| r.attempt == claim.attempt);
            let has_ended = row.as_ref().is_some_and(|r| r.stage == Stage::Ended);
            let mut percent = row.map_or(0, |r| r.percent);
            if now >= ask_at || (has_ended && answers) {
                let state = news(self.0.service.state(job_id).await, job_id)?;
                answers = state.is_some();
                match state.flatten() {
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
                ask_at = now.saturating_add(self.pause(asked));
            }
            let bar = (u32::from(percent.min(100)) * u32::from(policy.encode_percent) / 100) as u8;
            if bar > shown {
                shown = bar;
                (task.job.progress)(bar);
            }
            if now >= until {
                return Err(
                    Fault::full(format!("job {job_id} has not ended yet: the next run waits on")).into()
                );
            }
            sleep(policy.look_every.to_duration()).await;
        }
    }

    /// Between half and the whole of what the policy says: many jobs must not ask at once.
    fn pause(&self, asked: u32) -> Millis {
        let most = self.0.policy.poll.ceiling(asked).0.max(1);
        Millis(most - (self.0.entropy.u64() % (most as u64 / 2 + 1)) as i64)
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
                self.0.ledger.spend(claim, &job_id, now, &self.0.policy).await.map_err(put_off)?;
                return Err(e);
            }
        }
        crash::reached(COMPLETE);
        let from = MediaKey::encoded_prefix(claim.video, &claim.work, claim.attempt);
        let fetched = fetch(&self.0.objects, task.job, &from).await.map_err(|e| match e {
            MediaError::Fault(fault) => put_off(fault).into(),
            other => other,
        });
        match fetched? {
            Fetched::All(encoded) => {
                (task.job.progress)(100);
                Ok(encoded)
            }
            Fetched::Gone => {
                self.0.ledger.spend(claim, &job_id, now, &self.0.policy).await.map_err(put_off)?;
                Err(MediaError::Failed(format!("nothing is left of job {job_id}: another one is made")))
            }
        }
    }
}

/// A fault that passes by itself is no failure of the encode, and a few tries in as many seconds prove nothing:
/// it becomes a lack of room, for which the job's owner comes back for days.
fn put_off(fault: Fault) -> Fault {
    if fault.is_retryable() { Fault::full(fault) } else { fault }
}

/// What a look brought; `None` = it failed in a way that passes, and the next one may bring more.
fn news<T>(looked: Result<T, Fault>, job_id: &str) -> Result<Option<T>, Fault> {
    match looked {
        Ok(news) => Ok(Some(news)),
        Err(fault) if fault.is_retryable() => {
            tracing::debug!(%fault, job = job_id, "no news of an encoding job");
            Ok(None)
        }
        Err(fault) => Err(fault),
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
        let claim = self.claim(&task, &holder).await.map_err(put_off)?;
        let end = CancelOnDrop::new(self.clone());
        let done = self.run(&task, &claim, &end).await;
        // An answer of any kind: the job may go on, the next run waits for it.
        end.disarm();
        done
    }

    // No probe: QVBR finds the quality of each video itself, and a plan that hangs on a measurement (which may
    // fail, or be made by another program the next time) would be another piece of work, with another bill.

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
