//! The owner's own picture for the cover: drawn anew, then judged as a frame is. It is shown by `transcode`,
//! and by nobody before there is an approval here.

use crate::colours;
use crate::decisions::Ask;
use crate::likeness;
use crate::moderator::{Halt, JudgeError, Moderator, again};
use crate::opinion::is_overtaken;
use crate::policy::Found;
use crate::port::{BlockEntry, Content, CoverJob, DrawnCover, ModerationStoreError, SampledFrame, Trail};
use crate::record::{Decider, Decision, JudgedCover, JudgedFrame, ModerationRecord, action, digest_of};
use crate::reviews::{ReviewError, Reviews};
use crate::still;
use crate::verdict;
use crate::work_dir::WorkDir;
use bytes::Bytes;
use catalog::jobs::{COVER, CoverJob as Order};
use catalog::{AskedCover, OwnCover, Video, VideoStoreError};
use sha2::{Digest, Sha256};
use stdx::{Fault, crash};
use vocab::{FailureReason, MediaKey, Millis, UserId, Verdict, VideoId};
use work::NewJob;

/// Points at which a test may kill the process.
pub const DRAWN: &str = "moderation.cover.drawn";
pub const KEPT: &str = "moderation.cover.kept";
pub const RECORDED: &str = "moderation.cover.recorded";
pub const DECIDED: &str = "moderation.cover.decided";

/// Tries of a write against whoever else writes the record.
const TRIES: u32 = 8;

/// What is to happen with a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CoverRuling {
    /// It may be shown.
    Approved(OwnCover),
    /// It may not; the owner reads why.
    Refused(FailureReason),
    /// A person is asked.
    Waits,
    /// A later one was looked at already.
    Overtaken,
}

/// A moderator's decision about a cover.
#[derive(Debug, Clone)]
pub struct CoverAsk {
    /// The picture that the moderator saw.
    pub n: u64,
    /// Approve or reject.
    pub ask: Ask,
}

impl Moderator {
    /// Brings a picture to a ruling. Running it again changes nothing: what was decided about it stands.
    /// `last`: no further run will follow, so that what cannot be judged now goes to a person.
    pub async fn judge_cover(
        &self,
        video: &Video,
        asked: &AskedCover,
        last: bool,
    ) -> Result<CoverRuling, JudgeError> {
        let desk = &self.0.desk;
        let blocked = self.0.blocks.find(&asked.sha256).await.map_err(again)?;
        let known = desk.store.get(video.id).await?.and_then(|r| r.cover);
        match known {
            Some(c) if c.n > asked.n => return Ok(CoverRuling::Overtaken),
            Some(c) if c.n == asked.n && c.standing().is_some_and(|d| !is_overtaken(d, blocked.as_ref())) => {
                return Ok(self.ruling_of(&c));
            }
            _ => {}
        }
        if let Some(entry) = blocked {
            return Ok(CoverRuling::Refused(self.told(&entry.reason_code, None)));
        }
        let judged = match self.look_at_cover(video, asked, last).await {
            Ok(judged) => judged,
            Err(Halt::Refused(reason)) => return Ok(CoverRuling::Refused(reason)),
            Err(Halt::Again(e)) => return Err(e),
        };
        self.keep_cover(video, judged).await
    }

    /// Says how many decisions there are about the picture `n`, and what the last one means; `None` = nobody
    /// has looked at it.
    pub async fn cover_ruling(
        &self,
        video: VideoId,
        n: u64,
    ) -> Result<Option<(usize, CoverRuling)>, JudgeError> {
        let cover = self.0.desk.store.get(video).await?.and_then(|r| r.cover).filter(|c| c.n == n);
        Ok(cover.map(|c| (c.decisions.len(), self.ruling_of(&c))))
    }

    /// Asks nobody any more about a picture that was taken back or replaced.
    pub async fn withdraw_cover(&self, id: VideoId) -> Result<(), JudgeError> {
        for _ in 0..TRIES {
            let Some(mut record) = self.0.desk.store.get(id).await? else { return Ok(()) };
            // Read after the record, it knows of every picture that the record can know of.
            let asked = match self.0.desk.videos.get(id).await {
                Ok(video) => video.cover.asked.map(|a| a.n),
                Err(VideoStoreError::NotFound(_)) => None,
                Err(e) => return Err(e.into()),
            };
            let waits = |c: &JudgedCover| c.waiting_since.is_some() && asked.is_none_or(|n| n > c.n);
            let Some(cover) = record.cover.clone().filter(waits) else { return Ok(()) };
            record.judge_cover(JudgedCover { waiting_since: None, ..cover });
            match self.0.desk.store.save(record).await {
                Ok(_) => return Ok(()),
                Err(ModerationStoreError::Stale { .. }) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Err(JudgeError::Changed("the record"))
    }

    fn ruling_of(&self, cover: &JudgedCover) -> CoverRuling {
        match cover.standing().map(|d| (d.verdict, d)) {
            None | Some((Verdict::Escalate, _)) => CoverRuling::Waits,
            Some((Verdict::Approve, _)) => CoverRuling::Approved(OwnCover {
                n: cover.n,
                sent_sha256: cover.sent_sha256.clone(),
                sha256: cover.sha256.clone(),
                blurhash: cover.blurhash.clone(),
            }),
            Some((Verdict::Reject, d)) => {
                let code = d.reason_code.as_deref().unwrap_or_default();
                CoverRuling::Refused(self.told(code, d.reason.clone()))
            }
        }
    }

    /// A rejection as the owner reads it.
    fn told(&self, code: &str, text: Option<String>) -> FailureReason {
        let known = self.0.desk.policy.reason(code);
        let text = text.or_else(|| known.map(|r| r.owner_text.clone()));
        FailureReason::new(code, text.unwrap_or_else(|| "This picture cannot be shown.".into()), false)
    }

    async fn look_at_cover(
        &self,
        video: &Video,
        asked: &AskedCover,
        last: bool,
    ) -> Result<JudgedCover, Halt> {
        let deps = &self.0;
        let digest = digest_of(&asked.sha256).ok_or(JudgeError::Changed("the hash"))?;
        let key = MediaKey::SentCover { video: video.id, digest };
        let sent = deps.files.get_private(key).await.map_err(JudgeError::from)?;
        if sha256(&sent) != asked.sha256 {
            return Err(JudgeError::Changed("the picture").into());
        }
        let still = still::read(&sent, &deps.desk.policy.cover).map_err(Halt::Refused)?;
        let name = format!("{}-cover-{:016x}", video.id, deps.entropy.u64());
        let work = WorkDir::create(&deps.work_root, &name).map_err(again)?;
        let source = work.path().join("sent");
        tokio::fs::write(&source, &sent).await.map_err(again)?;
        let (profile, work_dir) = (colours::profile(still.kind, &sent), work.room("draw").map_err(again)?);
        let job = CoverJob { video: video.id, source, still, profile, work_dir };
        let drawn = deps.examiner.draw_cover(job).await?;
        crash::reached(DRAWN);
        let jpeg = Bytes::from(tokio::fs::read(&drawn.jpeg).await.map_err(again)?);
        let made = sha256(&jpeg);
        let digest = digest_of(&made).ok_or(JudgeError::Changed("the hash"))?;
        let key = MediaKey::DraftCover { video: video.id, digest };
        deps.files.put_private(key, Content::Bytes(jpeg)).await.map_err(JudgeError::from)?;
        crash::reached(KEPT);
        Ok(self.rule_on_cover(video, (asked, made), drawn, last).await?)
    }

    /// One frame of a video of one frame.
    async fn rule_on_cover(
        &self,
        video: &Video,
        (asked, sha256): (&AskedCover, String),
        drawn: DrawnCover,
        last: bool,
    ) -> Result<JudgedCover, JudgeError> {
        let policy = &self.0.desk.policy;
        let frame = SampledFrame { at_ms: Millis(0), jpeg: drawn.jpeg };
        let answer = self.classify(std::slice::from_ref(&frame), 0, last).await?;
        let classifier = self.classifier_id().filter(|_| answer.is_some());
        let judges = self.0.classifier.as_ref().filter(|_| answer.is_some()).map(|c| c.judges());
        let judged =
            answer.unwrap_or_else(|| vec![JudgedFrame { n: 1, at_ms: frame.at_ms, findings: Vec::new() }]);
        let mut ruling = verdict::rule(&judged, judges, policy);
        if !ruling.closer.is_empty() {
            verdict::escalate(
                &mut ruling,
                "It is near a limit, and there is no closer look at a picture.".into(),
            );
        }
        if policy.likeness.found != Found::Off {
            let (likeness_policy, jpeg) = (policy.likeness.clone(), frame.jpeg.clone());
            let look = tokio::task::spawn_blocking(move || likeness::of_picture(&jpeg, &likeness_policy));
            let likeness = look.await.map_err(|e| again(Fault::internal(e)))?;
            let (known, now) = (&policy.likeness, self.0.desk.clock.now());
            let found = self.0.lookalikes.find(video.id, &likeness, known, now).await.map_err(again)?;
            if let Some(like) = found {
                verdict::resembles(&mut ruling, &like, policy);
            }
        }
        let (labels, unjudged) = (ruling.labels.clone(), ruling.unjudged.clone());
        let decision = self.ruled(&sha256, ruling);
        Ok(JudgedCover {
            n: asked.n,
            sent_sha256: asked.sha256.clone(),
            sha256,
            blurhash: drawn.blurhash,
            findings: judged.into_iter().flat_map(|f| f.findings).collect(),
            labels,
            unjudged,
            classifier,
            policy_version: policy.version.clone(),
            waiting_since: (decision.verdict == Verdict::Escalate).then_some(decision.at),
            decisions: vec![decision],
        })
    }

    /// Writes it down, unless a later picture was, or somebody decided about this one meanwhile.
    async fn keep_cover(&self, video: &Video, judged: JudgedCover) -> Result<CoverRuling, JudgeError> {
        let store = &self.0.desk.store;
        for _ in 0..TRIES {
            let found = store.get(video.id).await?;
            let mut record = found.unwrap_or_else(|| {
                let content = video.content_sha256.clone().unwrap_or_default();
                ModerationRecord::begin(video.id, content, self.0.entropy.u64())
            });
            match &record.cover {
                Some(c) if c.n > judged.n => return Ok(CoverRuling::Overtaken),
                Some(c) if c.n == judged.n && c.sha256 == judged.sha256 => return Ok(self.ruling_of(c)),
                // A person took it away just now: first that.
                Some(c)
                    if is_shown(video, c.n) && c.standing().is_some_and(|d| d.verdict == Verdict::Reject) =>
                {
                    return Err(JudgeError::Changed("what is shown"));
                }
                _ => {}
            }
            record.judge_cover(judged.clone());
            match store.save(record).await {
                Ok(_) => {}
                Err(ModerationStoreError::Stale { .. }) => continue,
                Err(e) => return Err(e.into()),
            }
            crash::reached(RECORDED);
            store.append(trail(video.id, &judged)).await?;
            return Ok(self.ruling_of(&judged));
        }
        Err(JudgeError::Changed("the record"))
    }
}

fn is_shown(video: &Video, n: u64) -> bool {
    video.cover.shown.as_ref().is_some_and(|s| s.n == n)
}

/// The last decision about a picture, for the trail.
fn trail(video: VideoId, cover: &JudgedCover) -> Trail {
    let last = cover.standing();
    let by = last.and_then(|d| d.by).map(|u| u.to_string());
    let decided_by = last.map_or(Decider::Classifier, |d| d.decided_by);
    let verdict = last.map_or(Verdict::Escalate, |d| d.verdict);
    let code = last.and_then(|d| d.reason_code.as_deref()).unwrap_or_default();
    Trail {
        id: format!("{video}:cover:{}:{}", cover.n, cover.decisions.len()),
        at: last.map_or(Millis(0), |d| d.at),
        action: if by.is_some() { action::DECIDE } else { action::JUDGE }.to_owned(),
        by: by.unwrap_or_else(|| decided_by.word().to_owned()),
        video: Some(video),
        detail: format!("cover {verdict:?} {code}").trim().to_owned(),
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

impl Reviews {
    /// Decides about a cover that waits; or takes one away that is shown, by rejecting it. It comes into
    /// force with a durable job, which is ordered before the decision is written: none is forgotten.
    pub async fn decide_cover(&self, ask: CoverAsk) -> Result<ModerationRecord, ReviewError> {
        let desk = &self.0.desk;
        let CoverAsk { n, ask } = ask;
        let decision = self.decision_of(&ask)?;
        let video = desk.videos.get(ask.video).await?;
        let mut record = desk.store.get(ask.video).await?.ok_or(ReviewError::NotFound)?;
        let mut cover = record.cover.clone().ok_or(ReviewError::NotFound)?;
        may_decide(&video, &cover, (n, ask.verdict))?;
        let blocked = self.0.blocks.find(&cover.sent_sha256).await?;
        if ask.verdict == Verdict::Approve && blocked.is_some() {
            let said = "This picture is on the block list. Take it off before you approve.";
            return Err(ReviewError::Conflict(said.into()));
        }
        let order = Order { video: video.id, n, decisions: cover.decisions.len() + 1 };
        let job = NewJob::new(COVER, order.key(), desk.clock.now());
        desk.jobs.submit(job.with_attempts(desk.policy.judge_attempts)).await.map_err(fault_of)?;
        cover.decisions.push(Decision { content_sha256: cover.sha256.clone(), ..decision });
        cover.waiting_since = None;
        record.judge_cover(cover.clone());
        let record = desk.store.save(record).await?;
        crash::reached(DECIDED);
        self.block_cover(&cover, ask.by).await?;
        desk.store.append(trail(video.id, &cover)).await?;
        Ok(record)
    }

    /// Rejected for a reason that refuses the bytes from now on, wherever they come from.
    async fn block_cover(&self, cover: &JudgedCover, by: UserId) -> Result<(), ReviewError> {
        let Some(last) = cover.standing().filter(|d| d.verdict == Verdict::Reject) else { return Ok(()) };
        let code = last.reason_code.as_deref().unwrap_or_default();
        if !self.0.desk.policy.reason(code).is_some_and(|r| r.blocks_bytes) {
            return Ok(());
        }
        let entry = BlockEntry {
            content_sha256: cover.sent_sha256.clone(),
            reason_code: code.to_owned(),
            note: last.reason.clone().unwrap_or_default(),
            added_at: last.at,
            added_by: by.to_string(),
            // The pictures of the video are no part of this.
            video: None,
        };
        self.0.blocks.add(entry).await?;
        Ok(())
    }

    /// The picture that was judged, as JPEG.
    pub async fn cover(&self, id: VideoId, n: u64) -> Result<Bytes, ReviewError> {
        let record = self.0.desk.store.get(id).await?.ok_or(ReviewError::NotFound)?;
        let cover = record.cover.filter(|c| c.n == n).ok_or(ReviewError::NotFound)?;
        let digest = digest_of(&cover.sha256).ok_or(ReviewError::NotFound)?;
        Ok(self.0.files.get_private(MediaKey::DraftCover { video: id, digest }).await?)
    }
}

fn fault_of(e: work::JobStoreError) -> Fault {
    match e {
        work::JobStoreError::Fault(fault) => fault,
        e => Fault::internal(e),
    }
}

fn may_decide(video: &Video, cover: &JudgedCover, (n, verdict): (u64, Verdict)) -> Result<(), ReviewError> {
    let conflict = |said: &str| Err(ReviewError::Conflict(said.into()));
    if video.is_gone() {
        return conflict("This video is gone.");
    }
    if n != cover.n {
        return conflict("The owner sent another picture meanwhile. Look at that one.");
    }
    let is_asked = video.cover.asked.as_ref().is_some_and(|a| a.n == n);
    match verdict {
        Verdict::Escalate => Err(ReviewError::Invalid {
            field: "decision",
            message: "A cover is approved or rejected.".into(),
        }),
        Verdict::Approve | Verdict::Reject if is_asked && cover.waiting_since.is_some() => Ok(()),
        Verdict::Reject if is_shown(video, n) => Ok(()),
        _ => conflict("This picture waits for nobody."),
    }
}
