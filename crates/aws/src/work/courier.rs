//! Runs between the queue and the runner of this process.
//!
//! A message is a nudge. It is kept out of others' sight while its job is live, deleted when the job has
//! ended, and left alone when it cannot be handled: unreadable, or its job cannot be read. Then it comes back
//! after the visibility and, received too often, goes to the dead letters by the queue's policy.

use super::delivered::Courier;
use super::mail::{BATCH_MAX, HOLD_MAX, Letter, Outgoing, POLL_MAX};
use super::post::{Errand, Held, JobLetter, LETTER};
use ::work::{Job, JobState, JobStore, JobStoreError};
use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use tokio::sync::watch;
use tokio::time::{Duration, Instant, sleep, timeout};
use vocab::{JobId, Millis};

/// How often held messages are looked over; a look costs nothing but memory.
const LOOK_OVER: Duration = Duration::from_millis(250);
/// A message that this process has no use for is out of sight for so long.
const PASS_ON: Millis = Millis::from_secs(2);
/// Errands fetched at once.
const ERRANDS_AT_ONCE: usize = 100;

/// What to do with a message, once its job was looked at.
enum Advice {
    /// It has done its work.
    Delete,
    /// Not before then.
    Later(Millis),
    /// The job waits for a worker.
    Run,
    /// A worker has it.
    Hold,
}

fn advice(job: Result<Job, JobStoreError>, now: Millis) -> Result<Advice, JobStoreError> {
    let job = match job {
        Ok(job) => job,
        Err(JobStoreError::NotFound(_)) => return Ok(Advice::Delete),
        Err(error) => return Err(error),
    };
    Ok(match job.state {
        JobState::Ready if job.run_at > now => {
            let wait = job.run_at.saturating_sub(now);
            // Beyond what a queue can keep, the runner's own look finds it.
            if wait > HOLD_MAX { Advice::Delete } else { Advice::Later(wait) }
        }
        JobState::Ready => Advice::Run,
        JobState::Running => Advice::Hold,
        JobState::Done | JobState::Dead | JobState::Cancelled => Advice::Delete,
    })
}

impl<S: JobStore> Courier<S> {
    /// Runs until `shutdown` is ready, then sends and deletes what is left and gives back what it holds.
    /// Never fails: a queue that is out of reach is asked again, and the runner looks by itself meanwhile.
    pub async fn run(mut self, shutdown: impl Future<Output = ()> + Send) {
        let (stop, stopped) = watch::channel(false);
        let mut errands = std::mem::replace(&mut self.errands, tokio::sync::mpsc::channel(1).1);
        let this = &self;
        let told = async {
            shutdown.await;
            stop.send_replace(true);
        };
        let mut parts: Vec<BoxFuture<'_, ()>> =
            vec![told.boxed(), this.run_errands(&mut errands, stopped.clone()).boxed()];
        if !this.deps.kinds.is_empty() {
            parts.push(this.receive(stopped.clone()).boxed());
            parts.push(this.keep(stopped).boxed());
        }
        join_all(parts).await;
        let farewell = async {
            while let Ok(errand) = errands.try_recv() {
                this.do_all(vec![errand]).await;
            }
            let receipts: Vec<_> = this.post.held().drain().flat_map(|(_, h)| h.receipts).collect();
            if let Err(error) = this.deps.mailbox.hold(&receipts, Millis(0)).await {
                tracing::warn!(%error, "held messages come back by themselves");
            }
        };
        if timeout(this.policy.farewell.to_duration(), farewell).await.is_err() {
            tracing::warn!("no time to give back all messages");
        }
    }

    async fn run_errands(
        &self,
        errands: &mut tokio::sync::mpsc::Receiver<Errand>,
        mut stopped: watch::Receiver<bool>,
    ) {
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                got = errands.recv_many(&mut batch, ERRANDS_AT_ONCE) => if got == 0 { return },
                _ = stopped.wait_for(|s| *s) => return,
            }
            if batch.len() < BATCH_MAX {
                sleep(self.policy.linger.to_duration()).await;
                while batch.len() < ERRANDS_AT_ONCE
                    && let Ok(errand) = errands.try_recv()
                {
                    batch.push(errand);
                }
            }
            self.do_all(std::mem::take(&mut batch)).await;
        }
    }

    async fn do_all(&self, errands: Vec<Errand>) {
        let (mut letters, mut receipts) = (Vec::<Outgoing>::new(), Vec::<String>::new());
        for errand in errands {
            match errand {
                Errand::Send(letter) => letters.push(letter),
                Errand::Delete(receipt) => receipts.push(receipt),
            }
        }
        // What is sent anew is sent before the old message goes.
        if let Err(error) = self.deps.mailbox.send(&letters).await {
            tracing::warn!(%error, letters = letters.len(), "messages about jobs are lost to the next look");
        }
        if let Err(error) = self.deps.mailbox.delete(&receipts).await {
            tracing::warn!(%error, receipts = receipts.len(), "messages of ended jobs will come back");
        }
    }

    async fn receive(&self, mut stopped: watch::Receiver<bool>) {
        loop {
            let room = self.policy.hold_max.saturating_sub(self.post.held().len());
            let step = async {
                if room == 0 {
                    return sleep(LOOK_OVER).await;
                }
                match self.deps.mailbox.receive(POLL_MAX, room).await {
                    Ok(letters) => self.admit_all(letters).await,
                    Err(error) => {
                        tracing::warn!(%error, "cannot receive messages about jobs");
                        sleep(self.policy.pause.to_duration()).await;
                    }
                }
            };
            tokio::select! {
                () = step => {}
                _ = stopped.wait_for(|s| *s) => return,
            }
        }
    }

    async fn admit_all(&self, letters: Vec<Letter>) {
        let mut admissions: Vec<BoxFuture<'_, ()>> = Vec::with_capacity(letters.len());
        for letter in letters {
            admissions.push(self.admit(letter).boxed());
        }
        join_all(admissions).await;
    }

    /// A new message. Whatever goes wrong leaves it in the queue.
    async fn admit(&self, letter: Letter) {
        let Some(about) = JobLetter::read(&letter.body) else {
            return tracing::warn!(received = letter.received, "a message about a job cannot be read");
        };
        if !self.deps.kinds.contains(&about.kind) {
            return self.pass_on(&about, letter.receipt);
        }
        let now = self.deps.clock.now();
        match advice(self.store.get(about.job).await, now) {
            Ok(Advice::Delete) => self.post.run(Errand::Delete(letter.receipt)),
            Ok(Advice::Later(wait)) => self.put_off(vec![letter.receipt], wait).await,
            Ok(Advice::Run | Advice::Hold) => {
                self.take_in(about.job, letter.receipt);
                self.deps.wake.rouse();
            }
            Err(error) => tracing::warn!(job = %about.job, %error, "the job of a message cannot be read"),
        }
    }

    fn take_in(&self, id: JobId, receipt: String) {
        let beat_at = Instant::now() + self.beat_every().min(self.policy.patience.to_duration());
        let mut held = self.post.held();
        match held.get_mut(&id) {
            Some(held) => held.receipts.push(receipt),
            None => drop(held.insert(id, Held::new(receipt, beat_at))),
        }
    }

    /// For another worker: as a fresh message, so that what only nobody had time for counts no receptions
    /// and ends in nobody's dead letters.
    fn pass_on(&self, about: &JobLetter, receipt: String) {
        match serde_json::to_string(about) {
            Ok(body) => {
                self.post.run(Errand::Send(Outgoing { body, delay: PASS_ON }));
                self.post.run(Errand::Delete(receipt));
            }
            Err(error) => tracing::error!(%error, "a message about a job cannot be written"),
        }
    }

    async fn put_off(&self, receipts: Vec<String>, wait: Millis) {
        if let Err(error) = self.deps.mailbox.hold(&receipts, wait).await {
            tracing::warn!(%error, "a message comes back before its job is due");
        }
    }

    fn beat_every(&self) -> Duration {
        (self.policy.visibility.to_duration() / 3).max(Duration::from_millis(1))
    }

    /// Looks after what is held.
    async fn keep(&self, mut stopped: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = sleep(LOOK_OVER.min(self.beat_every())) => {}
                _ = stopped.wait_for(|s| *s) => return,
            }
            let now = Instant::now();
            let (mut due, mut must_rouse) = (Vec::new(), false);
            for (id, held) in self.post.held().iter_mut() {
                must_rouse |= held.must_rouse(now);
                if held.beat_at <= now {
                    held.beat_at = now + self.beat_every();
                    due.push((*id, held.is_mine));
                }
            }
            if must_rouse {
                self.deps.wake.rouse();
            }
            if !due.is_empty() {
                self.beat(due).await;
            }
        }
    }

    /// A third of the visibility is over, or the patience with a new one: hold on to what runs, let go of
    /// what ended and of what only waits here.
    async fn beat(&self, due: Vec<(JobId, bool)>) {
        let mut hold_on = Vec::new();
        for (id, is_mine) in due {
            if is_mine {
                hold_on.extend(self.receipts_of(id));
                continue;
            }
            let job = self.store.get(id).await;
            let kind = job.as_ref().map(|job| job.kind.clone()).unwrap_or_default();
            match advice(job, self.deps.clock.now()) {
                Ok(Advice::Delete) => self.post.let_go(id),
                Ok(Advice::Later(wait)) => {
                    let receipts = self.receipts_of(id);
                    self.post.held().remove(&id);
                    self.put_off(receipts, wait).await;
                }
                Ok(Advice::Run) => {
                    let receipts = self.receipts_of(id);
                    self.post.held().remove(&id);
                    for receipt in receipts {
                        self.pass_on(&JobLetter { v: LETTER, job: id, kind: kind.clone() }, receipt);
                    }
                }
                // A table that is out of reach is no reason to let others try.
                Ok(Advice::Hold) | Err(_) => hold_on.extend(self.receipts_of(id)),
            }
        }
        if let Err(error) = self.deps.mailbox.hold(&hold_on, self.policy.visibility).await {
            tracing::warn!(%error, "held messages may come back early");
        }
    }

    fn receipts_of(&self, id: JobId) -> Vec<String> {
        self.post.held().get(&id).map(|held| held.receipts.clone()).unwrap_or_default()
    }
}
