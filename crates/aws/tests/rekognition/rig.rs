//! Processes that share tables and a service.

use crate::fake::{BUCKET, Fake, ROLE, Script, TOPIC};
use crate::support::{Storm, double, dynamo, policy, settings};
use async_trait::async_trait;
use aws::dynamo::Dynamo;
use aws::rekognition::{
    Channel, EndedDeps, EndedLooks, LOOK_QUEUE, RekognitionPolicy, RekognitionVideo, TABLES, VideoDeps,
};
use aws::work::{Mailbox, create_queues};
use aws::{Aws, AwsPolicy, AwsSettings};
use moderation::conformance_second_look::SecondLookStage;
use moderation::{SecondLook, SecondLookJob, Sight};
use std::sync::Arc;
use std::time::Duration;
use stdx::{Backoff, Clock, Entropy, OsEntropy, SystemClock};
use testkit::Trial;
use vocab::{MediaKey, Millis, taxonomy};

/// The default without its waits.
pub fn fast() -> RekognitionPolicy {
    RekognitionPolicy {
        frames_per_second: 10_000,
        video_calls_per_second: 1_000,
        throttled: Backoff { base: Millis(2), cap: Millis(20) },
        look_every: Duration::from_millis(25),
        ask_every: Millis(60),
        claim_lease: Millis(400),
        patience: Duration::from_secs(120),
        ..RekognitionPolicy::default()
    }
}

/// A connection that gives up soon.
pub async fn connect(endpoint: &str) -> Aws {
    let quick = AwsPolicy { attempts_max: 2, ..policy() };
    Aws::open(AwsSettings { policy: quick, ..settings(endpoint) }, Arc::new(OsEntropy)).await
}

pub fn object(job: &SecondLookJob) -> String {
    MediaKey::Raw { video: job.video, upload: job.upload }.object_key()
}

pub fn channel() -> Option<Channel> {
    Some(Channel { topic_arn: TOPIC.into(), role_arn: ROLE.into() })
}

/// One more process.
pub async fn process(fake: &Fake, dynamo: &Dynamo, policy: RekognitionPolicy) -> RekognitionVideo {
    process_at(fake, dynamo, policy, Arc::new(SystemClock)).await
}

pub async fn process_at(
    fake: &Fake,
    dynamo: &Dynamo,
    policy: RekognitionPolicy,
    clock: Arc<dyn Clock>,
) -> RekognitionVideo {
    let (dynamo, bucket) = (dynamo.clone(), BUCKET.to_owned());
    let deps = VideoDeps { dynamo, clock, bucket, channel: channel(), policy };
    RekognitionVideo::new(&connect(&fake.at).await, deps)
}

pub fn tables() -> Dynamo {
    dynamo(TABLES, Storm::Calm)
}

/// A queue of its own on the double.
pub async fn mailbox() -> Mailbox {
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let sqs = Aws::open(settings(&double::sqs()), Arc::clone(&entropy)).await.sqs();
    let prefix = format!("t{:016x}-", entropy.u64());
    create_queues(&sqs, &prefix, &[&LOOK_QUEUE]).await.expect("the queue is made");
    let url = aws::work::queues::url_of(&sqs, &format!("{prefix}looks")).await.expect("an address");
    Mailbox::new(sqs, &url, entropy)
}

/// Hears for a process for as long as the runtime lives.
pub fn hear(video: &RekognitionVideo, mailbox: &Mailbox) {
    let deps = EndedDeps { video: video.clone(), mailbox: mailbox.clone() };
    tokio::spawn(EndedLooks::new(deps).run(std::future::pending()));
}

/// A runtime and its threads for one test.
pub fn trial<F: Future<Output = ()>>(name: &str, run: impl FnOnce() -> F + Send + 'static) -> Trial {
    Trial::test(name.to_owned(), move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(run());
        Ok(())
    })
}

/// Tables are made on a runtime of their own: not from within one.
pub fn with_tables<F: Future<Output = ()> + 'static>(name: &str, run: fn(Dynamo) -> F) -> Trial {
    Trial::test(name.to_owned(), move || {
        let dynamo = tables();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(run(dynamo));
        Ok(())
    })
}

struct Stage {
    dynamo: Dynamo,
    made: tokio::sync::OnceCell<(Fake, RekognitionVideo)>,
}

/// For conformance: made on first use, within the case's runtime.
pub fn stage(storm: Storm) -> Arc<dyn SecondLookStage> {
    Arc::new(Stage { dynamo: dynamo(TABLES, storm), made: tokio::sync::OnceCell::new() })
}

impl Stage {
    async fn made(&self) -> &(Fake, RekognitionVideo) {
        let make = async || {
            let fake = Fake::start().await;
            let video = process(&fake, &self.dynamo, fast()).await;
            (fake, video)
        };
        self.made.get_or_init(make).await
    }
    fn fake(&self) -> &Fake {
        &self.made.get().expect("something was stored").0
    }
}

fn script(sights: Option<Vec<Sight>>) -> Script {
    let known = |name: &str| taxonomy::LABELS.iter().find(|l| l.0 == name).map_or("?", |l| l.0);
    sights.map(|all| {
        let findings = all.into_iter().flat_map(|s| s.findings);
        findings.map(|f| (f.at_ms, known(&f.name), f.confidence)).collect()
    })
}

#[async_trait]
impl SecondLookStage for Stage {
    fn look(&self) -> Arc<dyn SecondLook> {
        Arc::new(self.made.get().expect("something was stored").1.clone())
    }
    async fn store(&self, job: &SecondLookJob, sights: Option<Vec<Sight>>) {
        self.made().await.0.store(&object(job), script(sights));
    }
    fn set_down(&self, is_down: bool) {
        self.fake().set_down(is_down);
    }
    fn billed(&self) -> u32 {
        u32::try_from(self.fake().billed()).expect("few")
    }
}
