//! Tier B: whole videos, and what goes wrong around them.

use super::rig::{connect, fast, hear, mailbox, object, process, process_at, with_tables};
use crate::fake::{Fake, Notices, Weather};
use crate::support::dying::{Life, mortal};
use aws::dynamo::Dynamo;
use aws::rekognition::{Door, RekognitionPolicy, VIDEO_LOOKS};
use moderation::conformance_second_look::job;
use moderation::{SecondLook, SecondLookJob, Sight};
use std::sync::Arc;
use std::time::Duration;
use stdx::{FaultKind, ManualClock};
use testkit::Trial;
use vocab::{Millis, UploadId, VideoId};

pub fn trials() -> Vec<Trial> {
    let mut all = vec![
        with_tables("video::a_start_killed_at_any_write_is_paid_for_once", killed_anywhere),
        with_tables("video::an_answer_to_a_start_that_was_lost_is_found_again", lost_answer),
        with_tables("video::no_more_than_twenty_are_open_and_all_get_their_turn", twenty),
        with_tables("video::places_taken_by_others_in_the_account_are_waited_for", others),
        with_tables("video::a_start_that_the_service_refuses_leaves_its_place", refused_start),
        with_tables("video::a_day_of_waiting_for_a_place_is_no_lost_job", long_wait),
        with_tables("video::the_start_sees_what_is_wrong_with_the_service", door),
        with_tables("video::an_object_that_was_erased_is_looked_at_under_another_name", erased),
        with_tables("video::an_object_nobody_can_read_is_a_fault_that_says_so", unreadable),
        with_tables("video::an_old_claim_without_a_job_goes_to_people", old_claim),
        with_tables("video::a_long_answer_is_read_to_its_end_and_kept", long_answer),
        with_tables("video::an_answer_without_end_goes_to_people", endless),
        with_tables("video::too_much_is_waited_out", throttled),
        with_tables("video::patience_ends_and_the_next_asker_hears_the_same_job", patience),
        with_tables("video::a_message_before_the_answer_to_the_start_is_understood", early),
        with_tables("video::a_message_about_nothing_of_ours_is_put_away", strange),
    ];
    type Told = (&'static str, Notices);
    let told: [Told; 3] = [
        ("lost", Notices::Lost),
        ("five_times_and_mixed", Notices::Copies(5)),
        ("late", Notices::Late(Duration::from_millis(700))),
    ];
    for (name, notices) in told {
        let name = format!("video::three_processes_pay_once_a_content_with_messages_{name}");
        all.push(Trial::test(name, move || {
            let dynamo = super::rig::tables();
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            runtime.expect("a runtime").block_on(three_processes(dynamo, notices));
            Ok(())
        }));
    }
    all
}

fn content(n: u64) -> SecondLookJob {
    SecondLookJob { content_sha256: format!("{n:064x}"), ..job(n, "a") }
}

async fn seen(look: &impl SecondLook, job: &SecondLookJob) -> Vec<Sight> {
    look.findings(job).await.expect("an answer").expect("judged")
}

async fn killed_anywhere(dynamo: Dynamo) {
    let fake = Fake::start().await;
    let mut finished = false;
    for writes in 0..12 {
        let job = content(writes + 1);
        fake.store(&object(&job), Some(vec![(500, "Weapons", 90.0)]));
        let dying = mortal(&dynamo, &VIDEO_LOOKS, &Life::of(writes)).await;
        let policy = RekognitionPolicy { patience: Duration::from_millis(600), ..fast() };
        let first = process(&fake, &dying, policy).await.findings(&job).await;
        finished |= first.is_ok();
        let second = process(&fake, &dynamo, fast()).await;
        assert_eq!(seen(&second, &job).await.len(), 1, "{writes} writes");
        assert_eq!(fake.billed() as u64, writes + 1, "killed after {writes} writes");
        assert_eq!(second.open().await.expect("read"), 0, "a place is left behind after {writes} writes");
    }
    assert!(finished, "no life was long enough");
}

async fn lost_answer(dynamo: Dynamo) {
    let fake = Fake::start().await;
    let job = content(1);
    fake.store(&object(&job), Some(vec![(500, "Weapons", 90.0)]));
    fake.weather("StartContentModeration", &[Weather::LostAnswer; 3]);
    let video = process(&fake, &dynamo, fast()).await;
    let mut tries = 0;
    while video.findings(&job).await.is_err() {
        tries += 1;
        assert!(tries < 5);
    }
    assert!(fake.requests("StartContentModeration").len() >= 2);
    let words = fake.requests("StartContentModeration");
    assert!(words.windows(2).all(|w| w[0] == w[1]), "the same words every time");
    assert_eq!(fake.billed(), 1);
}

async fn three_processes(dynamo: Dynamo, notices: Notices) {
    let fake = Fake::start().await;
    let queue = mailbox().await;
    fake.tell(queue.clone(), notices);
    fake.set_job_time(Duration::from_millis(60));
    let policy =
        RekognitionPolicy { look_every: Duration::from_millis(200), ask_every: Millis(400), ..fast() };
    let mut askers = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let video = process(&fake, &dynamo, policy.clone()).await;
        hear(&video, &queue);
        for n in 1..=4 {
            // The same content under several videos.
            let job = SecondLookJob { video: VideoId(100 + n), upload: UploadId(1), ..content(n) };
            fake.store(&object(&job), Some(vec![(n as i64 * 100, "Explicit", 99.0)]));
            for _ in 0..5 {
                let (video, job) = (video.clone(), job.clone());
                askers.spawn(async move {
                    loop {
                        match video.findings(&job).await {
                            // As the job store does.
                            Err(fault) if fault.is_retryable() => {}
                            answer => return (n, answer),
                        }
                    }
                });
            }
        }
    }
    for (n, answer) in askers.join_all().await {
        let sights = answer.expect("an answer").expect("judged");
        assert_eq!(sights[0].at_ms, Millis(n as i64 * 100), "the answer of another content");
    }
    // Messages that come after the end change nothing.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(fake.billed(), 4);
    println!("RESULT rekognition_video askers=60 contents=4 billed={}", fake.billed());
}

async fn twenty(dynamo: Dynamo) {
    let fake = Fake::start().await;
    fake.set_job_time(Duration::from_millis(2_000));
    let mut askers = tokio::task::JoinSet::new();
    for n in 1..=45 {
        let job = content(n);
        fake.store(&object(&job), Some(vec![]));
        // Each in a process of its own.
        let video = process(&fake, &dynamo, fast()).await;
        askers.spawn(async move {
            let mut refused = 0;
            loop {
                match video.findings(&job).await {
                    Ok(answer) => return (answer, refused),
                    // As the job store does for what has no room.
                    Err(fault) => {
                        assert!(fault.kind == FaultKind::Full || fault.is_retryable(), "{fault}");
                    }
                }
                refused += 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
    }
    let answers = askers.join_all().await;
    assert!(answers.iter().all(|(a, _)| a.as_ref().is_some_and(Vec::is_empty)));
    assert!(answers.iter().any(|(_, refused)| *refused > 0), "nobody had to wait");
    assert_eq!((fake.billed(), fake.requests("StartContentModeration").len()), (45, 45));
    let (open, _) = fake.most();
    assert!((10..=20).contains(&open), "{open} were open at once");
    println!("RESULT rekognition_open videos=45 most_open={open} limit=20");
}

async fn others(dynamo: Dynamo) {
    let fake = Fake::start().await;
    fake.set_open_max(0);
    let job = content(1);
    fake.store(&object(&job), Some(vec![]));
    let video = process(&fake, &dynamo, fast()).await;
    let fault = video.findings(&job).await.expect_err("no room");
    assert_eq!(fault.kind, FaultKind::Full);
    assert_eq!(video.open().await.expect("read"), 0, "no place is held for a job that was not started");
    fake.set_open_max(20);
    assert!(seen(&video, &job).await.is_empty());
    assert_eq!(fake.billed(), 1);
}

async fn refused_start(dynamo: Dynamo) {
    let fake = Fake::start().await;
    let video = process(&fake, &dynamo, fast()).await;
    for (n, code) in (1..).zip(["AccessDeniedException", "InvalidParameterException", "ThrottlingException"])
    {
        let job = content(n);
        fake.store(&object(&job), Some(vec![]));
        fake.weather("StartContentModeration", &[Weather::Refused(code); 40]);
        video.findings(&job).await.expect_err(code);
        assert_eq!(video.open().await.expect("read"), 0, "{code}: others may have the place");
        fake.calm("StartContentModeration");
        assert!(seen(&video, &job).await.is_empty());
        assert_eq!(fake.billed() as u64, n, "{code}");
    }
}

async fn long_wait(dynamo: Dynamo) {
    let fake = Fake::start().await;
    let clock = Arc::new(ManualClock::default());
    let policy = RekognitionPolicy { ask_every: Millis(0), open_jobs_max: 1, ..fast() };
    let video = process_at(&fake, &dynamo, policy.clone(), Arc::clone(&clock) as _).await;
    // The account's places are taken by others, then ours by another video.
    let job = content(1);
    fake.store(&object(&job), Some(vec![(500, "Weapons", 90.0)]));
    fake.set_open_max(0);
    assert_eq!(video.findings(&job).await.expect_err("no room").kind, FaultKind::Full);
    clock.advance(Millis::from_secs(25 * 3_600));
    assert_eq!(video.findings(&job).await.expect_err("no room").kind, FaultKind::Full);
    fake.set_open_max(20);
    let other = content(2);
    fake.store(&object(&other), Some(vec![]));
    fake.set_job_time(Duration::from_secs(60));
    let impatient = RekognitionPolicy { patience: Duration::from_millis(50), ..policy };
    let elsewhere = process_at(&fake, &dynamo, impatient, Arc::clone(&clock) as _).await;
    elsewhere.findings(&other).await.expect_err("not yet");
    assert_eq!(video.findings(&job).await.expect_err("no room").kind, FaultKind::Full);
    clock.advance(Millis::from_secs(25 * 3_600));
    fake.set_job_time(Duration::from_millis(20));
    assert_eq!(seen(&video, &job).await.len(), 1, "it was never sent: nothing is unknown about it");
    assert_eq!(fake.billed(), 2);
}

async fn door(dynamo: Dynamo) {
    let fake = Fake::start().await;
    let here = Door::new(&connect(&fake.at).await);
    here.check("moderation.second_look").await.expect("well");
    for (code, expected) in [
        ("AccessDeniedException", "under rekognition"),
        ("UnrecognizedClientException", "AWS does not know the credentials"),
        ("ExpiredTokenException", "renew them"),
    ] {
        fake.weather("GetContentModeration", &[Weather::Refused(code); 1]);
        let said = here.check("moderation.second_look").await.expect_err(code);
        assert!(said.starts_with("moderation.second_look: ") && said.contains(expected), "{said}");
    }
    let nowhere = Door::new(&connect("http://127.0.0.1:9").await);
    let said = nowhere.check("moderation.classifier").await.expect_err("nobody there");
    assert!(said.contains("check the region and endpoint beside moderation.classifier"), "{said}");
    assert_eq!((fake.billed(), process(&fake, &dynamo, fast()).await.open().await.expect("read")), (0, 0));
}

async fn erased(dynamo: Dynamo) {
    let fake = Fake::start().await;
    let (first, second) = (content(1), SecondLookJob { video: VideoId(77), ..content(1) });
    let video = process(&fake, &dynamo, fast()).await;
    // Claimed for the first, which is erased before it was started.
    video.findings(&first).await.expect_err("not there");
    fake.store(&object(&second), Some(vec![(500, "Weapons", 90.0)]));
    assert_eq!(seen(&video, &second).await.len(), 1);
    assert_eq!(fake.billed(), 1);
    fake.erase(&object(&second));
    assert_eq!(seen(&video, &first).await.len(), 1, "what was seen is kept");
}

async fn unreadable(dynamo: Dynamo) {
    let fake = Fake::start().await;
    let job = content(1);
    let video = process(&fake, &dynamo, fast()).await;
    let fault = video.findings(&job).await.expect_err("not there");
    assert_eq!(fault.kind, FaultKind::Internal);
    assert!(fault.to_string().contains(&object(&job)), "{fault}");
    assert_eq!(video.open().await.expect("read"), 0);
}

async fn old_claim(dynamo: Dynamo) {
    let fake = Fake::start().await;
    let job = content(1);
    fake.store(&object(&job), Some(vec![]));
    let clock = Arc::new(ManualClock::default());
    // Three writes: the claim, the place, that it is sent; then the process dies, and the start happened.
    let dying = mortal(&dynamo, &VIDEO_LOOKS, &Life::of(3)).await;
    let short = RekognitionPolicy { patience: Duration::from_millis(100), ..fast() };
    let first = process_at(&fake, &dying, short, Arc::clone(&clock) as _).await;
    first.findings(&job).await.expect_err("dead");
    assert_eq!(fake.billed(), 1);
    fake.forget_tokens();
    clock.advance(Millis::from_secs(25 * 3_600));
    let later = process_at(&fake, &dynamo, fast(), clock).await;
    assert_eq!(later.findings(&job).await.expect("an answer"), None, "a person looks");
    assert_eq!(fake.billed(), 1, "it is not paid for again");
}

async fn long_answer(dynamo: Dynamo) {
    let fake = Fake::start().await;
    let job = content(1);
    let script = (0..250).map(|n| (n * 40, "Weapons", 50.0 + n as f32 / 10.0)).collect();
    fake.store(&object(&job), Some(script));
    let policy = RekognitionPolicy { page_max: 20, ..fast() };
    let video = process(&fake, &dynamo, policy).await;
    assert_eq!(seen(&video, &job).await.len(), 250);
    let asked = fake.requests("GetContentModeration").len();
    assert!(asked >= 13, "{asked} pages");
    assert_eq!(seen(&video, &job).await.len(), 250);
    assert_eq!(fake.requests("GetContentModeration").len(), asked, "from the row");
    let other = SecondLookJob { video: VideoId(2), ..content(2) };
    fake.store(
        &object(&other),
        Some((0..250).map(|n| (n * 40, "Weapons", 50.0 + n as f32 / 10.0)).collect()),
    );
    let picky = process(&fake, &dynamo, RekognitionPolicy { kept_max: 10, ..fast() }).await;
    let kept = seen(&picky, &other).await;
    assert_eq!((kept.len(), kept[0].findings[0].confidence), (10, 74.0), "the strongest stay");
}

async fn endless(dynamo: Dynamo) {
    let fake = Fake::start().await;
    let job = content(1);
    fake.store(&object(&job), Some((0..100).map(|n| (n * 40, "Weapons", 60.0)).collect()));
    let video = process(&fake, &dynamo, RekognitionPolicy { page_max: 1, pages_max: 10, ..fast() }).await;
    assert_eq!(video.findings(&job).await.expect("an answer"), None);
}

async fn throttled(dynamo: Dynamo) {
    let fake = Fake::start().await;
    let job = content(1);
    fake.store(&object(&job), Some(vec![]));
    fake.weather("StartContentModeration", &[Weather::Refused("ThrottlingException"); 6]);
    fake.weather("GetContentModeration", &[Weather::Refused("ProvisionedThroughputExceededException"); 6]);
    let video = process(&fake, &dynamo, fast()).await;
    assert!(seen(&video, &job).await.is_empty());
    assert_eq!(fake.billed(), 1);
}

async fn patience(dynamo: Dynamo) {
    let fake = Fake::start().await;
    fake.set_job_time(Duration::from_millis(600));
    let job = content(1);
    fake.store(&object(&job), Some(vec![]));
    let policy = RekognitionPolicy { patience: Duration::from_millis(100), ..fast() };
    let fault = process(&fake, &dynamo, policy).await.findings(&job).await.expect_err("not yet");
    assert!(fault.is_retryable());
    let video = process(&fake, &dynamo, fast()).await;
    assert_eq!(video.open().await.expect("read"), 1, "the job holds its place");
    assert!(seen(&video, &job).await.is_empty());
    assert_eq!((fake.billed(), video.open().await.expect("read")), (1, 0));
}

async fn early(dynamo: Dynamo) {
    let fake = Fake::start().await;
    let queue = mailbox().await;
    fake.tell(queue.clone(), Notices::Early);
    let job = content(1);
    fake.store(&object(&job), Some(vec![(500, "Weapons", 90.0)]));
    // Never asked without a message: the message alone must do.
    let policy = RekognitionPolicy { ask_every: Millis::from_secs(3_600), ..fast() };
    let video = process(&fake, &dynamo, policy).await;
    hear(&video, &queue);
    assert_eq!(seen(&video, &job).await.len(), 1);
    assert_eq!(fake.billed(), 1);
}

async fn strange(dynamo: Dynamo) {
    let fake = Fake::start().await;
    let queue = mailbox().await;
    let video = process(&fake, &dynamo, fast()).await;
    let said = r#"{"JobId":"x","Status":"SUCCEEDED","JobTag":"somebody-elses"}"#;
    let letter = aws::work::mail::Outgoing { body: said.into(), delay: Millis(0) };
    queue.send(&[letter]).await.expect("sent");
    hear(&video, &queue);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let job = content(1);
    fake.store(&object(&job), Some(vec![]));
    assert!(seen(&video, &job).await.is_empty(), "the process still hears");
}
