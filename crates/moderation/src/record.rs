//! What is remembered of a judgement.

use crate::likeness::Likeness;
use crate::port::Loudness;
use catalog::{SourceFacts, SpriteFacts, VerdictFacts};
use serde::{Deserialize, Serialize};
use vocab::{Finding, Millis, UserId, Verdict, VideoId};

/// Names of what can be done, as they stand in the trail.
pub mod action {
    pub const JUDGE: &str = "judge";
    pub const DECIDE: &str = "decide";
    pub const UNDO: &str = "undo";
    pub const APPEAL: &str = "appeal";
    pub const BLOCK: &str = "block";
    pub const UNBLOCK: &str = "unblock";
    pub const REPORT: &str = "report";
    pub const VIEW_SOURCE: &str = "view_source";
    /// Every one of them: an engine may keep the trail by action.
    pub const ALL: [&str; 8] = [JUDGE, DECIDE, UNDO, APPEAL, BLOCK, UNBLOCK, REPORT, VIEW_SOURCE];
}

/// A frame and what was seen in it. Its picture is `MediaKey::ReviewFrame { video, digest, n }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgedFrame {
    /// From 1.
    pub n: u16,
    pub at_ms: Millis,
    pub findings: Vec<Finding>,
}

/// A rule of the policy against what was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelSummary {
    pub name: String,
    /// 0–100; 0 = never seen.
    pub max_confidence: f32,
    /// Frames at or over the threshold, out of …
    pub hot_frames: u32,
    pub frames: u32,
    pub reject_at: Option<u8>,
    pub review_at: Option<u8>,
}

/// How far a video looks like one that was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resemblance {
    /// The rejected one.
    pub video: VideoId,
    /// Pictures that match, out of …
    pub matched: u32,
    pub pictures: u32,
    /// Why that one was rejected, and when.
    pub reason_code: String,
    pub decided_at: Millis,
}

/// What is remembered of the owner's own picture for the cover, the last one that was looked at. Its picture
/// is `MediaKey::DraftCover` of `sha256`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgedCover {
    /// Of [`catalog::AskedCover`]: which sending of a picture this is.
    pub n: u64,
    /// Of the file as it was sent.
    pub sent_sha256: String,
    /// Of the picture that was judged.
    pub sha256: String,
    pub blurhash: Option<String>,
    pub findings: Vec<Finding>,
    pub labels: Vec<LabelSummary>,
    pub unjudged: Vec<String>,
    /// `None` = no classifier looked at it.
    pub classifier: Option<ClassifierId>,
    pub policy_version: String,
    /// Oldest first; the last one holds. They speak of `sha256`.
    pub decisions: Vec<Decision>,
    /// A person is asked about it since then.
    pub waiting_since: Option<Millis>,
}

impl JudgedCover {
    pub fn standing(&self) -> Option<&Decision> {
        self.decisions.last()
    }
}

/// Who or what decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decider {
    Classifier,
    BlockList,
    Moderator,
    /// The owner, who asked for another look.
    Owner,
}

impl Decider {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Classifier => "classifier",
            Self::BlockList => "block_list",
            Self::Moderator => "moderator",
            Self::Owner => "owner",
        }
    }
}

/// One entry of a record's history, oldest first. Never changed, never removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub at: Millis,
    /// SHA-256 (hex) of the bytes it speaks of. It says nothing about any others.
    pub content_sha256: String,
    /// The person; `None` = the machine.
    pub by: Option<UserId>,
    pub decided_by: Decider,
    pub verdict: Verdict,
    pub reason_code: Option<String>,
    /// What the owner reads of a rejection; a note among moderators otherwise.
    pub reason: Option<String>,
    /// Takes back the entry at this index.
    pub undoes: Option<usize>,
}

/// Everything known about the judgement of one video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModerationRecord {
    pub video: VideoId,
    /// Grows by one with every save; 0 = not stored yet.
    pub revision: u64,
    /// SHA-256 (hex) of the exact bytes judged.
    pub content_sha256: String,
    /// Where the sampling started: a second run looks at the same frames.
    pub phase_seed: u64,
    pub policy_version: String,
    /// `None` = no classifier looked at it.
    pub classifier: Option<ClassifierId>,
    pub judged_at: Millis,
    pub frames: Vec<JudgedFrame>,
    pub labels: Vec<LabelSummary>,
    /// Level-1 labels of the policy that nobody looked for.
    pub unjudged: Vec<String>,
    /// Moments just under a threshold.
    pub near: Vec<Millis>,
    /// The rejected video that it looks like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resembles: Option<Resemblance>,
    pub decisions: Vec<Decision>,
    /// In the review queue since then.
    pub waiting_since: Option<Millis>,
    /// Its place in the queue, kept for an undo.
    pub queued_at: Option<Millis>,
    /// The owner's words, when they asked for another look. Once a video.
    pub appeal: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cover: Option<JudgedCover>,
    /// Nothing but the cover is waited for.
    #[serde(default, skip_serializing_if = "is_false")]
    pub only_cover_waits: bool,
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

impl ModerationRecord {
    /// A record of bytes that nobody has looked at yet.
    pub fn begin(video: VideoId, content_sha256: String, phase_seed: u64) -> Self {
        Self {
            video,
            revision: 0,
            content_sha256,
            phase_seed,
            policy_version: String::new(),
            classifier: None,
            judged_at: Millis(0),
            frames: Vec::new(),
            labels: Vec::new(),
            unjudged: Vec::new(),
            near: Vec::new(),
            resembles: None,
            decisions: Vec::new(),
            waiting_since: None,
            queued_at: None,
            appeal: None,
            cover: None,
            only_cover_waits: false,
        }
    }

    /// The same video with other bytes: the history stays, nothing of it stands.
    pub fn begin_again(self, content_sha256: String, phase_seed: u64) -> Self {
        let fresh = Self::begin(self.video, content_sha256, phase_seed);
        let mut record = Self {
            revision: self.revision,
            decisions: self.decisions,
            appeal: self.appeal,
            cover: self.cover,
            ..fresh
        };
        record.leave_queue();
        record
    }

    /// Since when a person is asked about the cover.
    pub fn cover_waits_since(&self) -> Option<Millis> {
        self.cover.as_ref().and_then(|c| c.waiting_since)
    }

    /// Whether a person is asked about the video itself.
    pub const fn video_waits(&self) -> bool {
        self.waiting_since.is_some() && !self.only_cover_waits
    }

    /// The video itself waits for a person, since then.
    pub fn enter_queue(&mut self, since: Millis) {
        (self.waiting_since, self.only_cover_waits) = (Some(since), false);
    }

    /// The video itself waits no longer; its cover may.
    pub fn leave_queue(&mut self) {
        self.waiting_since = self.cover_waits_since();
        self.only_cover_waits = self.waiting_since.is_some();
    }

    /// Puts what is known of a cover in the place of what was known of the one before.
    pub fn judge_cover(&mut self, cover: JudgedCover) {
        let video_waits = self.video_waits();
        self.cover = Some(cover);
        if !video_waits {
            self.leave_queue();
        }
    }

    /// The index of the decision in force: the last one about these bytes that was not taken back.
    pub fn standing_at(&self) -> Option<usize> {
        let undone: Vec<usize> = self.decisions.iter().filter_map(|d| d.undoes).collect();
        (0..self.decisions.len()).rev().find(|i| {
            let d = &self.decisions[*i];
            d.undoes.is_none() && !undone.contains(i) && d.content_sha256 == self.content_sha256
        })
    }

    pub fn standing(&self) -> Option<&Decision> {
        self.standing_at().map(|i| &self.decisions[i])
    }

    /// Why it waits for a person, as a stable word: `cover` (that alone), `reported`, `appeal`, `escalated`,
    /// `near_threshold`, `no_classifier`, `unjudged`, or the code of the rule that asks.
    pub fn waits_for(&self) -> &str {
        if self.only_cover_waits {
            return "cover";
        }
        let escalated = self.standing().filter(|d| d.verdict == Verdict::Escalate);
        match escalated.map(|d| (d.decided_by, d.reason_code.as_deref())) {
            None if self.waiting_since.is_some() => "reported",
            None => "",
            Some((Decider::Owner, _)) => "appeal",
            Some((Decider::Moderator, _)) => "escalated",
            Some(_) if self.classifier.is_none() => "no_classifier",
            Some(_) if !self.near.is_empty() => "near_threshold",
            Some((_, code)) => code.unwrap_or("unjudged"),
        }
    }

    /// The hottest rule's confidence, 0–100, rounded down.
    pub fn top_score(&self) -> u8 {
        self.labels.iter().map(|l| l.max_confidence as u8).max().unwrap_or(0)
    }

    /// The frame worth showing first: the one with the strongest finding, else the first.
    pub fn top_frame(&self) -> Option<&JudgedFrame> {
        let heat = |f: &JudgedFrame| f.findings.iter().map(|x| x.confidence).fold(0.0, f32::max);
        self.frames.iter().reduce(|best, f| if heat(f) > heat(best) { f } else { best })
    }

    /// The decision as `catalog` keeps it. An owner reads why a video was rejected, never what
    /// the machine thought of a video that waits for a person.
    pub fn verdict_facts(&self, decision: &Decision) -> VerdictFacts {
        let told = decision.verdict == Verdict::Reject;
        VerdictFacts {
            verdict: decision.verdict,
            content_sha256: decision.content_sha256.clone(),
            decided_at: decision.at,
            decided_by: decision.decided_by.word().to_owned(),
            reason_code: decision.reason_code.clone().filter(|_| told),
            reason: decision.reason.clone().filter(|_| told),
        }
    }

    /// Puts a decision on the bytes of this record into force. Escalation queues the video (again), the others take it out.
    pub fn decide(&mut self, decision: Decision) {
        if decision.verdict == Verdict::Escalate {
            let since = *self.queued_at.get_or_insert(decision.at);
            self.enter_queue(since);
        } else {
            self.leave_queue();
        }
        self.decisions.push(decision);
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassifierId {
    pub name: String,
    pub version: String,
}

/// What pass A leaves for pass B, stored as JSON under `MediaKey::DraftFacts`; the poster and the
/// sprite stand under `DraftPoster` and `DraftSprite` of the same digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    pub content_sha256: String,
    pub source: SourceFacts,
    pub sprite: Option<SpriteFacts>,
    pub blurhash: Option<String>,
    pub loudness: Option<Loudness>,
    pub frame_times_ms: Vec<Millis>,
    /// What it looks like, for the day it is rejected.
    #[serde(default)]
    pub likeness: Likeness,
}

/// The `digest` of [`vocab::MediaKey`]: the first 16 hex digits of a content hash.
pub fn digest_of(content_sha256: &str) -> Option<u64> {
    let head = content_sha256.get(..16)?;
    head.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u64::from_str_radix(head, 16).ok())?
}
