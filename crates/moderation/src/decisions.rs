//! What a moderator does: decide, take back, keep the block list. Everything leaves a trail.

use crate::port::{BlockEntry, FileError, FrameBlock, ModerationStoreError, Trail, TrailFilter};
use crate::record::{Decider, Decision, Draft, ModerationRecord, action, digest_of};
use crate::reviews::{ReviewError, Reviews, is_left_behind};
use crate::settle::status_of;
use catalog::{Advance, Facts, Video, VideoStoreError};
use vocab::{MediaKey, Millis, Status, UserId, Verdict, VideoId};

/// Points at which a test may kill the process: nobody sees the video any more and nothing is decided yet; the
/// record says it, the catalog does not yet.
pub const TAKEN_DOWN: &str = "moderation.taken_down";
pub const DECIDED: &str = "moderation.decided";

/// A moderator's decision.
#[derive(Debug, Clone)]
pub struct Ask {
    pub video: VideoId,
    pub by: UserId,
    pub verdict: Verdict,
    pub reason_code: Option<String>,
    pub reason: Option<String>,
}

impl Reviews {
    /// Decides. From review: approve, reject or escalate (a second pair of eyes). A published or
    /// rejected video can be taken back into review, a published one rejected. Saying the same again does what
    /// was left undone the first time.
    pub async fn decide(&self, ask: Ask) -> Result<ModerationRecord, ReviewError> {
        let desk = &self.0.desk;
        let decision = self.decision_of(&ask)?;
        let video = desk.videos.get(ask.video).await?;
        let mut record = desk.store.get(ask.video).await?.ok_or(ReviewError::NotFound)?;
        if is_said_again(&record, &decision, &video) {
            self.follow_up(&record, action::DECIDE).await?;
            return Ok(record);
        }
        may_decide(video.status, ask.verdict, record.video_waits())?;
        if ask.verdict == Verdict::Approve {
            self.may_approve(&record).await?;
        }
        let mut decision = Decision { content_sha256: record.content_sha256.clone(), ..decision };
        if video.status != Status::InReview {
            record.queued_at = None;
        }
        if video.status.is_readable() && ask.verdict != Verdict::Approve {
            // The catalog first: whatever happens then, nobody is shown what was rejected.
            decision.at = decision.at.max(self.take_down(&record, &decision).await?);
        }
        record.decide(decision);
        let record = desk.store.save(record).await?;
        stdx::crash::reached(DECIDED);
        self.follow_up(&record, action::DECIDE).await?;
        Ok(record)
    }

    pub(crate) fn decision_of(&self, ask: &Ask) -> Result<Decision, ReviewError> {
        let policy = &self.0.desk.policy;
        let text = ask.reason.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
        if text.as_ref().is_some_and(|t| t.chars().count() > policy.text_max_chars) {
            let message = format!("The reason is longer than {} characters.", policy.text_max_chars);
            return Err(ReviewError::Invalid { field: "reason", message });
        }
        let invalid = |field, message: &str| ReviewError::Invalid { field, message: message.to_owned() };
        let code = ask.reason_code.as_deref().filter(|c| !c.is_empty());
        let known = code.map(|c| policy.reason(c).ok_or_else(|| invalid("reason_code", "No such reason.")));
        let known = known.transpose()?;
        let reason = match (ask.verdict, known) {
            (Verdict::Reject, None) => return Err(invalid("reason_code", "A rejection needs a reason.")),
            (Verdict::Reject, Some(r)) if r.needs_text && text.is_none() => {
                return Err(invalid("reason", "Please say in a sentence why; the owner reads it."));
            }
            (Verdict::Reject, Some(r)) => text.or_else(|| Some(r.owner_text.clone())),
            (Verdict::Approve | Verdict::Escalate, _) => text,
        };
        Ok(Decision {
            at: self.0.desk.clock.now(),
            content_sha256: String::new(),
            by: Some(ask.by),
            decided_by: Decider::Moderator,
            verdict: ask.verdict,
            reason_code: code.map(str::to_owned),
            reason,
            undoes: None,
        })
    }

    async fn may_approve(&self, record: &ModerationRecord) -> Result<(), ReviewError> {
        if record.content_sha256.is_empty() {
            return Err(ReviewError::Conflict(
                "This video was never examined; it cannot be approved.".into(),
            ));
        }
        if self.0.blocks.find(&record.content_sha256).await?.is_some() {
            let said = "These bytes are on the block list. Take them off it before you approve.";
            return Err(ReviewError::Conflict(said.into()));
        }
        Ok(())
    }

    /// Hides a published video from everybody but moderators. Answers since when.
    async fn take_down(&self, record: &ModerationRecord, why: &Decision) -> Result<Millis, ReviewError> {
        let desk = &self.0.desk;
        let asked = Decision { verdict: Verdict::Escalate, ..why.clone() };
        let facts = Facts { verdict: Some(record.verdict_facts(&asked)), ..Facts::default() };
        let from = [Status::Published, Status::Unlisted];
        // Later than what stands, by whoever's clock: an approval must not look like one of this review.
        let after = record.standing().map_or(Millis(0), |d| d.at.saturating_add(Millis(1)));
        let at = desk.clock.now().max(after);
        let step = Advance::from_any(record.video, &from, Status::InReview, at).with(facts);
        let video = match desk.videos.advance(step).await {
            Err(VideoStoreError::Stale { actual: Status::InReview, .. }) => {
                desk.videos.get(record.video).await?
            }
            Err(VideoStoreError::Stale { actual, .. }) => return Err(elsewhere(actual)),
            moved => moved?,
        };
        stdx::crash::reached(TAKEN_DOWN);
        Ok(video.status_changed_at)
    }

    /// After the record says so: the block list, the trail and, last, the catalog. Until then the video stands in
    /// review, where [`Self::settle_left_behind`] finds what was cut short. Doing it twice does it once.
    pub(crate) async fn follow_up(&self, record: &ModerationRecord, what: &str) -> Result<(), ReviewError> {
        let desk = &self.0.desk;
        let Some(n) = record.standing_at() else { return Ok(()) };
        let decision = &record.decisions[n];
        if let Some(by) = decision.by {
            let code = decision.reason_code.as_deref();
            let blocks = code.and_then(|c| desk.policy.reason(c)).is_some_and(|r| r.blocks_bytes);
            if decision.verdict == Verdict::Reject && blocks {
                self.block_for(record, decision, by).await?;
            }
            let detail = format!("{:?} {}", decision.verdict, code.unwrap_or_default());
            let (id, detail) = (format!("{}:{n}", record.video), detail.trim().to_owned());
            self.note(id, (by, what), Some(record.video), detail).await?;
        }
        let video = desk.settle(record, Facts::default()).await?;
        let wanted = status_of(decision.verdict);
        let passed_on = matches!(
            video.status,
            Status::Encoding | Status::Verifying | Status::Published | Status::Unlisted
        );
        if wanted != video.status && !(wanted == Status::Approved && passed_on) {
            return Err(elsewhere(video.status));
        }
        Ok(())
    }

    async fn block_for(
        &self,
        record: &ModerationRecord,
        why: &Decision,
        by: UserId,
    ) -> Result<(), ReviewError> {
        let entry = BlockEntry {
            content_sha256: record.content_sha256.clone(),
            reason_code: why.reason_code.clone().unwrap_or_default(),
            note: why.reason.clone().unwrap_or_default(),
            added_at: why.at,
            added_by: by.to_string(),
            video: Some(record.video),
        };
        self.0.blocks.add(entry).await?;
        self.block_pictures(record, why).await
    }

    /// The pictures that pass A hashed; a video that was never looked at has none.
    async fn block_pictures(&self, record: &ModerationRecord, why: &Decision) -> Result<(), ReviewError> {
        let Some(digest) = digest_of(&record.content_sha256) else { return Ok(()) };
        let draft = match self.0.files.get_private(MediaKey::DraftFacts { video: record.video, digest }).await
        {
            Ok(draft) => draft,
            Err(FileError::NotFound) => return Ok(()),
            Err(e) => return Err(e.into()),
        };
        let hashes = match serde_json::from_slice::<Draft>(&draft) {
            Ok(draft) => draft.likeness.hashes(),
            Err(error) => {
                // It never will be read: the rejection must not wait for that.
                tracing::warn!(video = %record.video, %error, "the pictures of a rejected video cannot be blocked");
                return Ok(());
            }
        };
        if hashes.is_empty() {
            return Ok(());
        }
        let entry = FrameBlock {
            video: record.video,
            hashes,
            reason_code: why.reason_code.clone().unwrap_or_default(),
            changed_at: why.at,
            is_lifted: false,
        };
        Ok(self.0.frame_blocks.put(entry).await?)
    }

    /// Videos that look like this one are asked about no more.
    async fn lift_pictures(&self, video: VideoId) -> Result<(), ReviewError> {
        let Some(entry) = self.0.frame_blocks.get(video).await? else { return Ok(()) };
        let changed_at = self.0.desk.clock.now();
        let lifted = FrameBlock { is_lifted: true, hashes: Vec::new(), changed_at, ..entry };
        Ok(self.0.frame_blocks.put(lifted).await?)
    }

    /// Takes back one's own last decision within the undo window. A rejection always; an approval
    /// only while the encode has not started (see `approve_grace_ms`).
    pub async fn undo(&self, id: VideoId, by: UserId) -> Result<ModerationRecord, ReviewError> {
        let desk = &self.0.desk;
        let now = desk.clock.now();
        let mut record = desk.store.get(id).await?.ok_or(ReviewError::NotFound)?;
        let (n, last) = match record.standing_at() {
            Some(n) if record.decisions[n].by == Some(by) => (n, record.decisions[n].clone()),
            _ => return Err(ReviewError::Conflict("There is no decision of yours to take back.".into())),
        };
        if now.saturating_sub(last.at) > desk.policy.undo_window_ms {
            return Err(ReviewError::Conflict("It is too late to take this back.".into()));
        }
        let undoing = Decision {
            at: now,
            verdict: Verdict::Escalate,
            reason_code: None,
            reason: None,
            undoes: Some(n),
            ..last.clone()
        };
        let video = desk.videos.get(id).await?;
        let was_kept = last.verdict == Verdict::Approve && video.published_at.is_some_and(|p| p <= last.at);
        if !(was_kept && video.status.is_readable()) {
            // The catalog first: it alone knows whether the encode has begun.
            self.reopen(&record, &undoing).await?;
        }
        record.decisions.push(undoing);
        let since = *record.queued_at.get_or_insert(now);
        record.enter_queue(since);
        let record = desk.store.save(record).await?;
        let blocked = self.0.blocks.find(&record.content_sha256).await?;
        if blocked.is_some_and(|b| b.video == Some(id) && b.added_at == last.at) {
            self.0.blocks.remove(&record.content_sha256).await?;
            self.lift_pictures(id).await?;
        }
        let m = record.decisions.len() - 1;
        self.note(format!("{id}:{m}"), (by, action::UNDO), Some(id), format!("{:?}", last.verdict)).await?;
        Ok(record)
    }

    async fn reopen(&self, record: &ModerationRecord, undoing: &Decision) -> Result<(), ReviewError> {
        let desk = &self.0.desk;
        let from = [Status::Rejected, Status::Approved];
        let facts = Facts { verdict: Some(record.verdict_facts(undoing)), ..Facts::default() };
        let step = Advance::from_any(record.video, &from, Status::InReview, desk.clock.now()).with(facts);
        match desk.videos.advance(step).await {
            Ok(_) | Err(VideoStoreError::Stale { actual: Status::InReview, .. }) => Ok(()),
            Err(VideoStoreError::Stale { actual, .. }) => {
                let said = format!("It is too late to take this back: the video is {} now.", actual.word());
                Err(ReviewError::Conflict(said))
            }
            Err(e) => Err(e.into()),
        }
    }

    /// A viewer's complaint; one a viewer and video. A published video goes on playing, and waits in
    /// the queue for a person who keeps it (approve) or takes it down (reject).
    pub async fn report(&self, id: VideoId, by: UserId, detail: String) -> Result<(), ReviewError> {
        let desk = &self.0.desk;
        let detail = detail.chars().take(desk.policy.text_max_chars).collect();
        self.note(format!("{id}:report:{by}"), (by, action::REPORT), Some(id), detail).await?;
        let Some(mut record) = desk.store.get(id).await? else { return Ok(()) };
        if !record.video_waits() && desk.videos.get(id).await?.status.is_readable() {
            let now = desk.clock.now();
            record.enter_queue(now);
            record.queued_at = Some(now);
            match desk.store.save(record).await {
                // Somebody else wrote: the complaint stands in the trail, and the next one asks again.
                Ok(_) | Err(ModerationStoreError::Stale { .. }) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }

    /// Newest first.
    pub async fn block_list(
        &self,
        before: Option<(Millis, String)>,
        limit: usize,
    ) -> Result<Vec<BlockEntry>, ReviewError> {
        Ok(self.0.blocks.list(before, limit.clamp(1, self.0.desk.policy.page_max)).await?)
    }

    /// Refuses bytes from now on. `false` when they were refused already.
    pub async fn block(
        &self,
        content_sha256: &str,
        by: UserId,
        reason_code: &str,
        note: &str,
    ) -> Result<bool, ReviewError> {
        let hash = content_sha256.trim().to_ascii_lowercase();
        let invalid = |field, message: &str| ReviewError::Invalid { field, message: message.to_owned() };
        if hash.len() != 64 || !hash.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(invalid("content_sha256", "A SHA-256 is 64 hexadecimal digits."));
        }
        if self.0.desk.policy.reason(reason_code).is_none() {
            return Err(invalid("reason_code", "No such reason."));
        }
        if note.chars().count() > self.0.desk.policy.text_max_chars {
            return Err(invalid("note", "The note is too long."));
        }
        let at = self.0.desk.clock.now();
        let entry = BlockEntry {
            content_sha256: hash.clone(),
            reason_code: reason_code.to_owned(),
            note: note.trim().to_owned(),
            added_at: at,
            added_by: by.to_string(),
            video: None,
        };
        let added = self.0.blocks.add(entry).await?;
        if added {
            self.note(format!("block:{hash}:{}", at.0), (by, action::BLOCK), None, hash).await?;
        }
        Ok(added)
    }

    /// Stops refusing bytes.
    pub async fn unblock(&self, content_sha256: &str, by: UserId) -> Result<(), ReviewError> {
        let hash = content_sha256.trim().to_ascii_lowercase();
        let entry = self.0.blocks.find(&hash).await?;
        if !self.0.blocks.remove(&hash).await? {
            return Err(ReviewError::NotFound);
        }
        if let Some(video) = entry.and_then(|e| e.video) {
            self.lift_pictures(video).await?;
        }
        let id = format!("unblock:{hash}:{}", self.0.desk.clock.now().0);
        self.note(id, (by, action::UNBLOCK), None, hash).await
    }

    /// What was done, newest first.
    pub async fn trail(&self, filter: TrailFilter) -> Result<Vec<Trail>, ReviewError> {
        let limit = filter.limit.clamp(1, self.0.desk.policy.page_max);
        Ok(self.0.desk.store.trail(TrailFilter { limit, ..filter }).await?)
    }

    pub(crate) async fn note(
        &self,
        id: String,
        (by, what): (UserId, &str),
        video: Option<VideoId>,
        detail: String,
    ) -> Result<(), ReviewError> {
        let at = self.0.desk.clock.now();
        let entry = Trail { id, at, by: by.to_string(), action: what.to_owned(), video, detail };
        Ok(self.0.desk.store.append(entry).await?)
    }
}

/// Whether the same person decided just this before, nothing asked for a decision since, and something may have
/// been left undone: what is in force says so of an approval, not of a rejection with its block list.
fn is_said_again(record: &ModerationRecord, said: &Decision, video: &Video) -> bool {
    let is_open = video.status == Status::InReview;
    let is_asked = record.video_waits() || (is_open && !is_left_behind(record, video));
    let is_same = |d: &Decision| {
        (d.by, d.verdict, &d.reason_code, &d.reason)
            == (said.by, said.verdict, &said.reason_code, &said.reason)
    };
    let may_be_unfinished = is_open || said.verdict == Verdict::Reject;
    may_be_unfinished && !is_asked && record.standing().is_some_and(is_same)
}

fn elsewhere(status: Status) -> ReviewError {
    ReviewError::Conflict(format!("This video went elsewhere meanwhile; it is {}.", status.word()))
}

/// From which status a moderator may ask for what.
fn may_decide(status: Status, verdict: Verdict, waits: bool) -> Result<(), ReviewError> {
    use Status::{InReview, Published, Rejected, Unlisted};
    match (status, verdict) {
        // A reported video that is published: somebody looked and keeps it.
        (Published | Unlisted, Verdict::Approve) if waits => Ok(()),
        (InReview, _)
        | (Published | Unlisted, Verdict::Reject | Verdict::Escalate)
        | (Rejected, Verdict::Escalate) => Ok(()),
        (Rejected, Verdict::Approve) => {
            Err(ReviewError::Conflict("This video was rejected. Take it back into review first.".into()))
        }
        (other, _) => {
            let said = format!("This video is not in review; it is {}.", other.word().replace('_', " "));
            Err(ReviewError::Conflict(said))
        }
    }
}
