//! From a plan to a package, and what goes wrong on the way.

use super::fake::{Knobs, Outputs};
use super::rig::{Ground, Hearing, Rig, trial};
use super::support::{self, Storm};
use ::moderation::port::MediaError;
use ::transcode::{EncodeJob, Encoder, Expectation, LadderProfile, VerifyJob};
use aws::mediaconvert::{JobEvents, Ledger};
use aws::work::{Mailbox, create_queues, queues};
use catalog::Transform;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use stdx::OsEntropy;
use testkit::Trial;
use vocab::Millis;

async fn with_ffmpeg(rig: &mut Rig) {
    let engine = ffmpeg::Ffmpeg::open(ffmpeg::FfmpegPolicy::default(), LadderProfile::default()).await;
    rig.local = Arc::new(engine.expect("ffmpeg is installed"));
}

/// Our own packager and verification, as the transcoder runs them.
async fn published(rig: &Rig, job: &EncodeJob) -> Result<(), MediaError> {
    let encoder = rig.encoder().await;
    let encoded = encoder.encode(job.clone()).await?;
    let audio = encoded.audio.as_ref().map(|p| std::fs::read(p).expect("the sound"));
    let (mut packed, mut files) = (Vec::new(), Vec::<PathBuf>::new());
    let room = rig.room();
    for track in &encoded.rungs {
        let picture = std::fs::read(&track.path).expect("a track");
        let rung = packager::mux(&picture, audio.as_deref(), 2_000)
            .map_err(|e| MediaError::Failed(format!("packager: {e}")))?;
        let mut whole = rung.init.to_vec();
        rung.segments.iter().for_each(|s| whole.extend_from_slice(s));
        let path = room.join(format!("{}.mp4", track.rung));
        std::fs::write(&path, whole).expect("a file");
        files.push(path);
        packed.push(rung);
    }
    packager::same_cuts(&packed).map_err(|e| MediaError::Failed(format!("packager: {e}")))?;
    let verify = VerifyJob {
        video: job.video,
        work_dir: rig.room(),
        files,
        sound: None,
        expect: Expectation {
            duration_ms: job.plan.duration_ms,
            fps: job.plan.fps,
            has_audio: job.plan.audio.is_some(),
            sizes: job.plan.rungs.iter().map(|r| (r.width, r.height)).collect(),
            segment_ms: packed[0].segment_ms(),
        },
        progress: Arc::new(|_| {}),
    };
    encoder.verify(verify).await
}

async fn a_plan_becomes_a_package_that_our_verification_accepts(ground: Ground) {
    let mut rig = Rig::open(ground, Knobs::default(), Hearing::Straight).await;
    with_ffmpeg(&mut rig).await;
    let (job, shown) = rig.job(1, &Transform::default()).await;
    published(&rig, &job).await.expect("published");
    assert_eq!((rig.fake.billed(), shown.load(Ordering::SeqCst)), (1, 100));
}

async fn trims_and_mutes_come_out_as_planned(ground: Ground) {
    let mut rig = Rig::open(ground, Knobs::default(), Hearing::Straight).await;
    with_ffmpeg(&mut rig).await;
    let transform = Transform {
        trim_start_ms: Some(Millis(600)),
        trim_end_ms: Some(Millis(3_200)),
        mute: true,
        ..Transform::default()
    };
    let (job, _) = rig.job(1, &transform).await;
    assert_eq!((job.plan.duration_ms, job.plan.audio.is_some()), (Millis(2_600), false));
    published(&rig, &job).await.expect("published");
}

async fn a_short_output_is_refused_by_verification(ground: Ground) {
    let knobs = Knobs { outputs: Outputs::Short, ..Knobs::default() };
    let mut rig = Rig::open(ground, knobs, Hearing::Straight).await;
    with_ffmpeg(&mut rig).await;
    let (job, _) = rig.job(1, &Transform::default()).await;
    let said = published(&rig, &job).await.expect_err("refused").to_string();
    assert!(said.contains("50 pictures instead of 100"), "{said}");
}

async fn a_missing_rung_is_refused_and_not_billed_again(ground: Ground) {
    let knobs = Knobs { outputs: Outputs::Missing, ..Knobs::default() };
    let rig = Rig::open(ground, knobs, Hearing::Straight).await;
    let (job, _) = rig.job(1, &Transform::default()).await;
    for _ in 0..3 {
        let said = rig.encoder().await.encode(rig.again(&job)).await.expect_err("refused").to_string();
        assert!(said.contains("no file of 240"), "{said}");
    }
    assert_eq!(rig.fake.jobs().len(), 1);
}

async fn a_job_is_known_by_its_events_and_told_as_progress(ground: Ground) {
    let knobs = Knobs { job_time: Duration::from_millis(400), ..Knobs::default() };
    let mut rig = Rig::open(ground, knobs, Hearing::Straight).await;
    // Nobody is asked in between.
    rig.policy.poll = stdx::Backoff { base: Millis(60_000), cap: Millis(60_000) };
    let (job, shown) = rig.job(1, &Transform::default()).await;
    let encoder = rig.encoder().await;
    let run = tokio::spawn(async move { encoder.encode(job).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let halfway = shown.load(Ordering::SeqCst);
    run.await.expect("runs").expect("encoded");
    assert!((30..=50).contains(&halfway), "{halfway}");
}

async fn nobody_hears_anything_and_the_job_is_found_done(ground: Ground) {
    let rig = Rig::open(ground, Knobs::default(), Hearing::Deaf).await;
    let (job, _) = rig.job(1, &Transform::default()).await;
    rig.encoder().await.encode(job).await.expect("encoded");
    assert_eq!(rig.fake.billed(), 1);
}

async fn the_files_own_faults_are_final_and_make_no_other_job(ground: Ground) {
    let rig = Rig::open(ground, Knobs::default(), Hearing::Straight).await;
    let codes = [
        (1010, "Unable to open input file: No parser found for container", "media.unreadable"),
        (1020, "no video", "media.no_video"),
        (1030, "codec", "media.codec"),
        (1040, "damaged", "media.damaged"),
    ];
    for (n, (code, message, reason)) in codes.into_iter().enumerate() {
        rig.fake.change(|k| k.error = Some((code, message)));
        let (job, _) = rig.job(n as u64 + 1, &Transform::default()).await;
        for _ in 0..2 {
            match rig.encoder().await.encode(rig.again(&job)).await {
                Err(MediaError::Refused(r)) => assert_eq!((r.code.as_str(), r.retryable), (reason, false)),
                other => panic!("{code}: {other:?}"),
            }
        }
        assert_eq!(rig.fake.jobs().len(), n + 1, "{code}: one job");
    }
    assert_eq!(rig.fake.billed(), 0);
}

async fn the_services_faults_pass_and_the_next_run_makes_another_job(ground: Ground) {
    let rig = Rig::open(ground, Knobs::default(), Hearing::Straight).await;
    let codes = [
        (1010, "Unable to open input file: Access Denied"),
        (1401, "no access"),
        (1404, "not found"),
        (1433, "cannot write"),
        (1517, "internal"),
        (1999, "internal"),
    ];
    for (n, (code, message)) in codes.into_iter().enumerate() {
        rig.fake.change(|k| (k.error, k.errors_left) = (Some((code, message)), 1));
        let (job, _) = rig.job(n as u64 + 1, &Transform::default()).await;
        match rig.encoder().await.encode(rig.again(&job)).await {
            Err(MediaError::Fault(f)) => assert!(f.is_retryable(), "{code}: {f}"),
            other => panic!("{code}: {other:?}"),
        }
        rig.encoder().await.encode(rig.again(&job)).await.unwrap_or_else(|e| panic!("{code}: {e}"));
        assert_eq!((rig.fake.jobs().len(), rig.fake.billed()), (2 * n + 2, n + 1), "{code}");
    }
}

async fn a_service_that_never_works_is_not_asked_for_ever(ground: Ground) {
    let knobs = Knobs { error: Some((1999, "internal")), ..Knobs::default() };
    let mut rig = Rig::open(ground, knobs, Hearing::Straight).await;
    rig.policy.attempts_max = 3;
    let (job, _) = rig.job(1, &Transform::default()).await;
    for _ in 0..6 {
        rig.encoder().await.encode(rig.again(&job)).await.expect_err("fails");
    }
    assert_eq!(rig.fake.jobs().len(), 3);
}

async fn throttling_and_lost_answers_pass_by_themselves(ground: Ground) {
    // The client's own repeats are not scaled: 20 s at most, and the token lives a minute.
    let token_life = Duration::from_secs(60);
    let knobs = Knobs { throttle_every: 3, lose_every: 4, token_life, ..Knobs::default() };
    let rig = Rig::open(ground, knobs, Hearing::Storm).await;
    for video in 1..=6 {
        let (job, _) = rig.job(video, &Transform::default()).await;
        let mut done = rig.encoder().await.encode(rig.again(&job)).await;
        for _ in 0..5 {
            if done.is_ok() {
                break;
            }
            done = rig.encoder().await.encode(rig.again(&job)).await;
        }
        done.expect("encoded");
    }
    assert_eq!((rig.fake.jobs().len(), rig.fake.billed()), (6, 6));
    let (throttled, lost) = rig.fake.struck();
    assert!(throttled > 3 && lost > 3, "{throttled} {lost}");
}

async fn a_dropped_run_ends_its_job_and_the_next_one_makes_another(ground: Ground) {
    let knobs = Knobs { job_time: Duration::from_millis(400), ..Knobs::default() };
    let rig = Rig::open(ground, knobs, Hearing::Straight).await;
    let (job, _) = rig.job(1, &Transform::default()).await;
    let encoder = rig.encoder().await;
    let dropped = tokio::time::timeout(Duration::from_millis(150), encoder.encode(rig.again(&job))).await;
    assert!(dropped.is_err(), "it was dropped in the middle");
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(rig.fake.jobs()[0].status, "CANCELED");
    rig.encoder().await.encode(rig.again(&job)).await.expect_err("says that it was cancelled");
    rig.encoder().await.encode(rig.again(&job)).await.expect("encoded");
    assert_eq!((rig.fake.jobs().len(), rig.fake.billed()), (2, 1));
}

async fn a_dropped_run_leaves_the_job_to_the_run_that_took_over(ground: Ground) {
    let knobs = Knobs { job_time: Duration::from_millis(500), ..Knobs::default() };
    let mut rig = Rig::open(ground, knobs, Hearing::Straight).await;
    rig.policy.cancel_grace = Millis(100);
    let (job, _) = rig.job(1, &Transform::default()).await;
    let encoder = rig.encoder().await;
    let _ = tokio::time::timeout(Duration::from_millis(100), encoder.encode(rig.again(&job))).await;
    rig.encoder().await.encode(rig.again(&job)).await.expect("encoded");
    assert_eq!((rig.fake.jobs().len(), rig.fake.billed()), (1, 1));
}

async fn files_that_expired_are_made_again(ground: Ground) {
    let rig = Rig::open(ground, Knobs::default(), Hearing::Straight).await;
    let (job, _) = rig.job(1, &Transform::default()).await;
    rig.encoder().await.encode(rig.again(&job)).await.expect("encoded");
    let eraser: &dyn catalog::jobs::Eraser = &rig.ground.area.calm;
    let prefix = vocab::MediaKey::prefixes_of(job.video).into_iter().find(|p| p.starts_with("encoded/"));
    eraser.delete_prefix(&prefix.expect("a prefix")).await.expect("erased");
    rig.encoder().await.encode(rig.again(&job)).await.expect_err("nothing is left");
    rig.encoder().await.encode(rig.again(&job)).await.expect("encoded again");
}

async fn a_file_that_stands_in_no_store_is_said_to(ground: Ground) {
    let rig = Rig::open(ground, Knobs::default(), Hearing::Straight).await;
    let (job, _) = rig.job(1, &Transform::default()).await;
    let job = EncodeJob { origin: None, ..job };
    let said = rig.encoder().await.encode(job).await.expect_err("refused").to_string();
    assert!(said.contains("stands in none"), "{said}");
}

/// Events over a real queue of the double, five times each and backwards.
async fn events_come_over_the_queue(ground: Ground) {
    let rig = Rig::open(ground, Knobs::default(), Hearing::Deaf).await;
    let aws = aws::Aws::open(support::settings(&support::double::sqs()), Arc::new(OsEntropy)).await;
    let prefix = format!("t{:016x}-", stdx::Entropy::u64(&OsEntropy));
    create_queues(&aws.sqs(), &prefix, &[&queues::MEDIA_QUEUE]).await.expect("made");
    let url =
        queues::url_of(&aws.sqs(), &format!("{prefix}{}", queues::MEDIA_QUEUE.name)).await.expect("there");
    let mailbox = Mailbox::new(aws.sqs(), &url, Arc::new(OsEntropy));
    let (job, _) = rig.job(1, &Transform::default()).await;
    rig.encoder().await.encode(rig.again(&job)).await.expect("encoded");
    let mut all = rig.events.lock().expect("not poisoned").clone();
    all.reverse();
    let ledger = Ledger::new(rig.ground.dynamo.clone(), rig.policy.remember);
    let letters: Vec<_> = all
        .iter()
        .flat_map(|e| std::iter::repeat_n(e, 5))
        .chain([&"{}".to_owned()])
        .map(|body| aws::work::mail::Outgoing { body: body.clone(), delay: Millis(0) })
        .collect();
    mailbox.send(&letters).await.expect("sent");
    let events = JobEvents::new(mailbox, ledger.clone());
    let mut taken = 0;
    while taken < letters.len() {
        taken += events.turn(Duration::from_secs(1)).await.expect("heard");
    }
    let work = rig.fake.jobs()[0].work().to_owned();
    let claim =
        ledger.look(job.video, &work, aws::dynamo::Read::Strong).await.expect("read").expect("stands");
    assert_eq!((claim.stage, claim.attempt), (aws::mediaconvert::event::Stage::Ended, 1));
}

pub fn trials() -> Vec<Trial> {
    macro_rules! calm {
        ($($name:ident),* $(,)?) => {
            vec![$(trial(concat!("flow::", stringify!($name)), Storm::Calm, $name)),*]
        };
    }
    let mut all = calm!(
        a_plan_becomes_a_package_that_our_verification_accepts,
        trims_and_mutes_come_out_as_planned,
        a_short_output_is_refused_by_verification,
        a_missing_rung_is_refused_and_not_billed_again,
        a_job_is_known_by_its_events_and_told_as_progress,
        nobody_hears_anything_and_the_job_is_found_done,
        the_files_own_faults_are_final_and_make_no_other_job,
        the_services_faults_pass_and_the_next_run_makes_another_job,
        a_service_that_never_works_is_not_asked_for_ever,
        throttling_and_lost_answers_pass_by_themselves,
        a_dropped_run_ends_its_job_and_the_next_one_makes_another,
        a_dropped_run_leaves_the_job_to_the_run_that_took_over,
        files_that_expired_are_made_again,
        a_file_that_stands_in_no_store_is_said_to,
        events_come_over_the_queue,
    );
    for storm in Storm::ALL.into_iter().filter(|s| *s != Storm::Calm) {
        let name = format!("flow+{}::throttling_and_lost_answers_pass_by_themselves", storm.word());
        all.push(trial(&name, storm, throttling_and_lost_answers_pass_by_themselves));
    }
    all
}
