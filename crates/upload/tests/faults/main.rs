//! The whole way of an upload with every single call of every port failing once, before or after
//! its effect. Whatever fails, the owner's retry or the sweep alone brings it to the same end.

mod flaky;

use bytes::Bytes as Octets;
use catalog::policy::MetadataPolicy;
use catalog::{MemoryVideoStore, VideoStore};
use flaky::{Fails, Flaky, Fuse};
use std::sync::Arc;
use stdx::{Clock, ManualClock, SeededEntropy};
use upload::{
    CompleteUpload, MemoryRawStore, MemoryUploadStore, RawStore, StartUpload, SweepReport, Upload,
    UploadError, UploadPolicy, UploadQuery, UploadState, UploadStore, Uploads, UploadsDeps,
};
use vocab::{Bytes, Millis, Status, UserId};
use work::{JobFilter, JobStore, Jobs, MemoryJobStore};

const OWNER: UserId = UserId(7);
/// Two parts of the small policy below.
const SIZE: u64 = 1_009;

struct House {
    uploads: Uploads,
    fuse: Arc<Fuse>,
    clock: Arc<ManualClock>,
    store: Arc<MemoryUploadStore>,
    raw: Arc<MemoryRawStore>,
    videos: Arc<MemoryVideoStore>,
    jobs: Arc<MemoryJobStore>,
}

fn house() -> House {
    house_of(UploadPolicy::default())
}

fn house_of(policy: UploadPolicy) -> House {
    let (fuse, clock) = (Arc::new(Fuse::default()), Arc::new(ManualClock::default()));
    let (store, raw) = (Arc::new(MemoryUploadStore::default()), Arc::new(MemoryRawStore::default()));
    let (videos, jobs) = (Arc::new(MemoryVideoStore::default()), Arc::new(MemoryJobStore::default()));
    let entropy = Arc::new(SeededEntropy::new(1));
    let flaky_jobs = Arc::new(Flaky(Arc::clone(&jobs), Arc::clone(&fuse)));
    let deps = UploadsDeps {
        store: Arc::new(Flaky(Arc::clone(&store), Arc::clone(&fuse))),
        raw: Arc::new(Flaky(Arc::clone(&raw), Arc::clone(&fuse))),
        videos: Arc::new(Flaky(Arc::clone(&videos), Arc::clone(&fuse))),
        jobs: Jobs::new(flaky_jobs, clock.clone(), entropy.clone()),
        clock: clock.clone(),
        entropy,
    };
    let policy = UploadPolicy { part_min: Bytes(1_000), part_max: Bytes(1_000), ..policy };
    let uploads = Uploads::new(deps, policy, MetadataPolicy::default());
    House { uploads, fuse, clock, store, raw, videos, jobs }
}

fn ask() -> StartUpload {
    StartUpload { filename: "IMG_1.MOV".into(), size_bytes: Bytes(SIZE), ..StartUpload::default() }
}

impl House {
    async fn start(&self) -> Result<Upload, UploadError> {
        self.uploads.start(OWNER, ask(), Some("key")).await
    }

    fn send(&self, upload: &Upload) {
        let plan = upload.plan();
        for n in plan.numbers() {
            let bytes = vec![n as u8; plan.part_len(n).expect("planned").0 as usize];
            self.raw.put_part(&upload.raw_key(), &upload.ticket, n, Octets::from(bytes)).expect("taken");
        }
    }

    async fn complete(&self, upload: &Upload) -> Result<catalog::Video, UploadError> {
        self.uploads.complete(OWNER, upload.id, CompleteUpload::default()).await
    }

    /// A started and sent upload, without faults.
    async fn sent(&self) -> Upload {
        let upload = self.start().await.expect("starts");
        self.send(&upload);
        upload
    }

    async fn judge_jobs(&self) -> usize {
        let filter = JobFilter { limit: 10, ..JobFilter::default() };
        let jobs = self.jobs.list(filter).await.expect("lists");
        jobs.iter().filter(|j| j.kind == catalog::jobs::JUDGE).count()
    }

    /// Uploaded exactly once, nothing held.
    async fn assert_handed_on(&self, upload: &Upload, at: &str) {
        let video = self.videos.get(upload.video).await.expect("stands");
        assert_eq!((video.status, video.raw_bytes), (Status::Uploaded, Bytes(SIZE)), "{at}");
        assert_eq!(self.judge_jobs().await, 1, "{at}");
        let record = self.store.get(upload.id).await.expect("stands");
        assert_eq!(record.state, UploadState::Completed, "{at}");
        assert_eq!(self.raw.open_count(), 0, "{at}: parts are left");
        let object = self.raw.object(&upload.raw_key()).expect("stands");
        assert_eq!(object.len() as u64, SIZE, "{at}");
        assert_eq!(self.store.usage(OWNER, self.clock.now()).await.expect("reads").open, 0, "{at}");
    }
}

/// Every way in which the `n`th call can fail, until `n` is past the last call.
async fn each_fault<F>(mut run: F) -> usize
where
    F: AsyncFnMut(usize, Fails) -> bool,
{
    let mut faults = 0;
    for fails in [Fails::Before, Fails::After, Fails::Once, Fails::OnceAfter] {
        for n in 1.. {
            if !run(n, fails).await {
                break;
            }
            faults += 1;
        }
    }
    faults
}

#[tokio::test]
async fn a_start_that_failed_anywhere_is_the_same_upload_when_tried_again() {
    let faults = each_fault(async |n, fails| {
        let h = house();
        h.fuse.light(n, fails);
        let first = h.start().await;
        let burnt = h.fuse.put_out();
        let upload = h.start().await.expect("starts the second time");
        if let Ok(first) = first {
            assert_eq!(first, upload);
        }
        let at = format!("call {n} {fails:?}");
        h.send(&upload);
        h.complete(&upload).await.expect("completes");
        let usage = h.store.usage(OWNER, h.clock.now()).await.expect("reads");
        assert_eq!((usage.day_uploads, usage.day_bytes), (1, Bytes(SIZE)), "{at}");
        let video = h.videos.get(upload.video).await.expect("stands");
        assert_eq!(video.status, Status::Uploaded, "{at}");
        assert_eq!(h.videos.list_by_owner(OWNER, None, 10).await.expect("lists").videos.len(), 1, "{at}");
        burnt
    })
    .await;
    assert!(faults >= 10, "{faults}");
}

#[tokio::test]
async fn a_completion_that_failed_anywhere_ends_well_when_tried_again() {
    let faults = each_fault(async |n, fails| {
        let h = house();
        let upload = h.sent().await;
        h.fuse.light(n, fails);
        let _ = h.complete(&upload).await;
        let burnt = h.fuse.put_out();
        h.complete(&upload).await.expect("completes the second time");
        h.assert_handed_on(&upload, &format!("call {n} {fails:?}")).await;
        burnt
    })
    .await;
    assert!(faults >= 16, "{faults}");
}

#[tokio::test]
async fn past_the_commit_the_event_alone_ends_it() {
    each_fault(async |n, fails| {
        let h = house();
        let upload = h.sent().await;
        h.fuse.light(n, fails);
        let _ = h.complete(&upload).await;
        let burnt = h.fuse.put_out();
        if h.raw.object(&upload.raw_key()).is_some() {
            for _ in 0..2 {
                h.uploads.arrived(upload.id).await.expect("resumes");
            }
            h.assert_handed_on(&upload, &format!("call {n} {fails:?}")).await;
        }
        burnt
    })
    .await;
}

#[tokio::test]
async fn past_the_commit_the_sweep_alone_ends_it() {
    each_fault(async |n, fails| {
        let h = house();
        let upload = h.sent().await;
        h.fuse.light(n, fails);
        let _ = h.complete(&upload).await;
        let burnt = h.fuse.put_out();
        h.clock.advance(Millis(61_000));
        h.uploads.sweep().await.expect("sweeps");
        let at = format!("call {n} {fails:?}");
        match h.raw.object(&upload.raw_key()) {
            Some(_) => h.assert_handed_on(&upload, &at).await,
            None => {
                let state = h.store.get(upload.id).await.expect("stands").state;
                assert_eq!(state, UploadState::Open, "{at}: the owner completes again");
            }
        }
        burnt
    })
    .await;
}

/// As when the store commits later than anybody waits for it: the record is open, the object stands.
async fn put_together_unheard(h: &House, upload: &Upload, parts: usize) {
    let key = upload.raw_key();
    let listed = h.raw.list_parts(&key, &upload.ticket).await.expect("lists");
    h.raw.finish(&key, &upload.ticket, &listed[..parts], None).await.expect("puts together");
}

const DAY_OVER: Millis = Millis(24 * 3600 * 1000 + 1);

#[tokio::test]
async fn an_expired_upload_whose_file_stands_is_handed_on_by_the_sweep_alone() {
    let h = house();
    let upload = h.sent().await;
    put_together_unheard(&h, &upload, 2).await;
    assert!(matches!(h.uploads.abort(OWNER, upload.id).await, Err(UploadError::NotOpen(_))));
    h.clock.advance(DAY_OVER);
    let report = h.uploads.sweep().await.expect("sweeps");
    assert_eq!((report.expired, report.resumed, report.failed), (0, 1, 0));
    h.assert_handed_on(&upload, "swept").await;
    assert_eq!(h.uploads.sweep().await.expect("sweeps"), SweepReport::default(), "and not again");
}

#[tokio::test]
async fn uploads_that_cannot_be_swept_hold_up_nobody_behind_them() {
    let h = house_of(UploadPolicy { sweep_batch: 2, open_uploads_max: 10, ..UploadPolicy::default() });
    let mut uploads = Vec::new();
    for n in 0..8 {
        h.clock.advance(Millis(1));
        let upload = h.uploads.start(OWNER, ask(), Some(&format!("key{n}"))).await.expect("starts");
        h.send(&upload);
        uploads.push(upload);
    }
    // Half of a file: it is not what was declared, today or tomorrow.
    for damaged in &uploads[..5] {
        put_together_unheard(&h, damaged, 1).await;
    }
    h.clock.advance(DAY_OVER);
    for (expired, left) in [(2, 1), (1, 0), (0, 0)] {
        let report = h.uploads.sweep().await.expect("sweeps");
        assert_eq!((report.expired, report.resumed, report.failed), (expired, 0, 5));
        let live = h.store.list(UploadQuery::LiveOf(OWNER), 10).await.expect("lists");
        assert_eq!(live.len(), 5 + left);
    }
    let h = house_of(UploadPolicy { sweep_batch: 2, sweep_failures_max: 2, ..UploadPolicy::default() });
    for n in 0..3 {
        let upload = h.uploads.start(OWNER, ask(), Some(&format!("key{n}"))).await.expect("starts");
        h.send(&upload);
        put_together_unheard(&h, &upload, 1).await;
    }
    h.clock.advance(DAY_OVER);
    assert_eq!(h.uploads.sweep().await.expect("sweeps").failed, 2, "a sweep has an end");
}

/// A start whose video is on its way while its owner gives the upload up, or completes it.
#[tokio::test]
async fn a_video_that_comes_after_the_end_of_its_upload_does_not_stay() {
    let h = house();
    let inserting = h.fuse.gate("video.insert");
    let (started, aborted) = tokio::join!(h.start(), async {
        inserting.reached.notified().await;
        let live = h.store.list(UploadQuery::LiveOf(OWNER), 10).await.expect("lists");
        h.uploads.abort(OWNER, live[0].id).await.expect("aborts");
        inserting.over.notify_one();
        live[0].clone()
    });
    started.expect("as it was begun");
    assert_eq!(h.store.get(aborted.id).await.expect("stands").state, UploadState::Aborted);
    assert_eq!(h.videos.get(aborted.video).await.expect("stands").status, Status::Removed);
}

#[tokio::test]
async fn a_video_that_comes_while_its_upload_ends_does_not_stay() {
    let h = house();
    let upload = without_a_video(&h).await;
    let ending = h.fuse.gate("release");
    let (aborted, ()) = tokio::join!(h.uploads.abort(OWNER, upload.id), async {
        ending.reached.notified().await;
        assert_eq!(h.start().await.expect("the same"), upload);
        assert_eq!(h.videos.get(upload.video).await.expect("stands").status, Status::Reserved);
        ending.over.notify_one();
    });
    aborted.expect("aborts");
    assert_eq!(h.videos.get(upload.video).await.expect("stands").status, Status::Removed);
}

#[tokio::test]
async fn a_video_that_comes_while_its_file_is_given_back_does_not_stay() {
    let h = house();
    let (inserting, ending) = (h.fuse.gate("video.insert"), h.fuse.gate("release"));
    let start = async {
        let started = h.start().await;
        ending.over.notify_one();
        started
    };
    let (started, (upload, completed)) = tokio::join!(start, async {
        inserting.reached.notified().await;
        let live = h.store.list(UploadQuery::LiveOf(OWNER), 10).await.expect("lists");
        h.send(&live[0]);
        let (completed, ()) = tokio::join!(h.complete(&live[0]), async {
            ending.reached.notified().await;
            inserting.over.notify_one();
        });
        (live[0].clone(), completed)
    });
    started.expect("as it was begun");
    assert!(matches!(completed, Err(UploadError::Ended)), "{completed:?}");
    assert_eq!(h.videos.get(upload.video).await.expect("stands").status, Status::Removed);
    assert!(h.raw.object(&upload.raw_key()).is_none());
}

#[tokio::test]
async fn an_abort_that_failed_anywhere_frees_everything_when_tried_again() {
    each_fault(async |n, fails| {
        let h = house();
        let upload = h.sent().await;
        h.fuse.light(n, fails);
        let _ = h.uploads.abort(OWNER, upload.id).await;
        let burnt = h.fuse.put_out();
        h.uploads.abort(OWNER, upload.id).await.expect("aborts the second time");
        let at = format!("call {n} {fails:?}");
        assert_eq!(h.raw.open_count(), 0, "{at}");
        assert_eq!(h.store.usage(OWNER, h.clock.now()).await.expect("reads").open, 0, "{at}");
        assert_eq!(h.videos.get(upload.video).await.expect("stands").status, Status::Removed, "{at}");
        burnt
    })
    .await;
}

#[tokio::test]
async fn racing_completions_hand_on_once() {
    let h = Arc::new(house());
    let upload = h.sent().await;
    let mut racing = Vec::new();
    for _ in 0..16 {
        let (h, upload) = (Arc::clone(&h), upload.clone());
        racing.push(tokio::spawn(async move { h.complete(&upload).await.map(|v| v.id) }));
    }
    for r in racing {
        assert_eq!(r.await.expect("runs").expect("completes"), upload.video);
    }
    h.assert_handed_on(&upload, "racing").await;
}

#[tokio::test]
async fn racing_starts_with_one_key_are_one_upload() {
    let h = Arc::new(house());
    let mut racing = Vec::new();
    for _ in 0..16 {
        let h = Arc::clone(&h);
        racing.push(tokio::spawn(async move { h.start().await.expect("starts").id }));
    }
    let mut ids = Vec::new();
    for r in racing {
        ids.push(r.await.expect("runs"));
    }
    ids.dedup();
    assert_eq!((ids.len(), h.raw.open_count()), (1, 1));
}

#[tokio::test]
async fn an_abandoned_upload_ends_after_a_day() {
    let h = house();
    let upload = h.sent().await;
    h.clock.advance(Millis(24 * 3600 * 1000 - 1));
    assert_eq!(h.uploads.sweep().await.expect("sweeps").expired, 0);
    h.clock.advance(Millis(2));
    assert_eq!(h.uploads.sweep().await.expect("sweeps").expired, 1);
    assert_eq!(h.raw.open_count(), 0);
    assert!(matches!(h.complete(&upload).await, Err(UploadError::Ended)));
    let wants = [upload::PartWant { number: 1, ..Default::default() }];
    assert!(matches!(h.uploads.sign(OWNER, upload.id, &wants, None).await, Err(UploadError::Ended)));
    h.clock.advance(Millis(8 * 24 * 3600 * 1000));
    assert_eq!(h.uploads.sweep().await.expect("sweeps").forgotten, 1);
    assert!(matches!(h.complete(&upload).await, Err(UploadError::NotFound)));
}

/// Key, look, quota, ticket, record, video: the video is never written.
async fn without_a_video(h: &House) -> Upload {
    h.fuse.light(6, Fails::Before);
    assert!(h.start().await.is_err());
    h.fuse.put_out();
    let live = h.store.list(UploadQuery::LiveOf(OWNER), 10).await.expect("lists");
    let upload = live.into_iter().next().expect("a record");
    assert!(h.videos.get(upload.video).await.is_err(), "a record without a video");
    upload
}

#[tokio::test]
async fn a_start_that_died_before_its_video_goes_on_or_ends_after_a_day() {
    let h = house();
    let upload = without_a_video(&h).await;
    assert_eq!(h.start().await.expect("the same"), upload);
    assert_eq!(h.videos.get(upload.video).await.expect("stands").status, Status::Reserved);

    let h = house();
    let upload = without_a_video(&h).await;
    h.clock.advance(Millis(24 * 3600 * 1000 + 1));
    assert_eq!(h.uploads.sweep().await.expect("sweeps").expired, 1);
    assert_eq!(h.store.get(upload.id).await.expect("stands").state, UploadState::Aborted);
    assert_eq!(h.raw.open_count(), 0);
}

#[tokio::test]
async fn a_file_sent_for_no_video_is_not_kept() {
    let h = house();
    let upload = without_a_video(&h).await;
    h.send(&upload);
    assert!(matches!(h.complete(&upload).await, Err(UploadError::Ended)));
    assert!(h.raw.object(&upload.raw_key()).is_none() && h.raw.open_count() == 0);
    assert!(h.store.get(upload.id).await.expect("stands").state.has_ended());
    assert_eq!(
        (h.judge_jobs().await, h.store.usage(OWNER, h.clock.now()).await.expect("reads").open),
        (0, 0)
    );
}

#[tokio::test]
async fn a_start_without_a_key_that_gets_no_video_holds_nothing() {
    let h = house();
    // Look, quota, ticket, record, video.
    h.fuse.light(5, Fails::Once);
    assert!(h.uploads.start(OWNER, ask(), None).await.is_err());
    h.fuse.put_out();
    assert_eq!(h.raw.open_count(), 0);
    assert_eq!(h.store.usage(OWNER, h.clock.now()).await.expect("reads").open, 0);
    // Nor one whose record stands, though it did not hear so.
    h.fuse.light(4, Fails::OnceAfter);
    assert!(h.uploads.start(OWNER, ask(), None).await.is_err());
    h.fuse.put_out();
    assert_eq!(h.raw.open_count(), 0);
    assert_eq!(h.store.usage(OWNER, h.clock.now()).await.expect("reads").open, 0);
}

#[tokio::test]
async fn an_upload_whose_end_was_cut_is_ended_by_the_sweep() {
    each_fault(async |n, fails| {
        let h = house();
        let upload = h.sent().await;
        h.fuse.light(n, fails);
        let _ = h.uploads.abort(OWNER, upload.id).await;
        let burnt = h.fuse.put_out();
        h.clock.advance(Millis(24 * 3600 * 1000 + 1));
        h.uploads.sweep().await.expect("sweeps");
        let at = format!("call {n} {fails:?}");
        assert_eq!(h.store.get(upload.id).await.expect("stands").state, UploadState::Aborted, "{at}");
        assert_eq!(h.videos.get(upload.video).await.expect("stands").status, Status::Removed, "{at}");
        assert_eq!(h.raw.open_count(), 0, "{at}");
        burnt
    })
    .await;
}

#[tokio::test]
async fn bytes_of_a_video_deleted_meanwhile_do_not_stay() {
    let h = house();
    let upload = h.sent().await;
    let step = catalog::Advance::new(upload.video, Status::Reserved, Status::Removed, h.clock.now());
    h.videos.advance(step).await.expect("removes");
    assert_eq!(h.complete(&upload).await.expect("answers").status, Status::Removed);
    assert!(h.raw.object(&upload.raw_key()).is_none());
    assert_eq!(h.judge_jobs().await, 0);
}

#[tokio::test]
async fn a_guest_who_signs_in_while_uploading_goes_on_as_the_account() {
    let account = UserId(8);
    let h = house();
    let upload = h.sent().await;
    let as_account = async || h.uploads.state(account, upload.id).await;
    assert!(matches!(as_account().await, Err(UploadError::NotFound)), "another's upload does not exist");
    h.videos.give(upload.video, OWNER, account).await.expect("given");
    assert!(as_account().await.expect("its own now").missing.is_empty());
    let video = h.uploads.complete(account, upload.id, CompleteUpload::default()).await.expect("completes");
    assert_eq!((video.owner, video.status), (account, Status::Uploaded));
    h.assert_handed_on(&upload, "as the account").await;
}
