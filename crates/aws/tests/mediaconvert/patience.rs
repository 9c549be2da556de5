//! What passes by itself costs no attempt, and no second bill.

use super::fake::Knobs;
use super::rig::{Ground, Hearing, Rig, trial};
use super::support::Storm;
use ::moderation::port::MediaError;
use ::transcode::{EncodeJob, Encoded, Encoder, MemoryEncoder, Metric, ProbeJob, Probed, VerifyJob};
use async_trait::async_trait;
use aws::mediaconvert::MediaConvertPolicy;
use catalog::Transform;
use std::sync::Arc;
use std::time::Duration;
use testkit::Trial;
use vocab::Millis;

async fn jobs_that_came_to_nothing_are_forgiven_in_time(ground: Ground) {
    let knobs = Knobs { error: Some((1401, "the role may not read")), ..Knobs::default() };
    let mut rig = Rig::open(ground, knobs, Hearing::Straight).await;
    (rig.policy.attempts_max, rig.policy.forgive_after) = (2, Millis(3_000));
    let (job, _) = rig.job(1, &Transform::default()).await;
    for _ in 0..4 {
        rig.encoder().await.encode(rig.again(&job)).await.expect_err("fails");
    }
    assert_eq!(rig.fake.jobs().len(), 2);
    // The role is mended, and the owner tries again.
    rig.fake.change(|k| k.error = None);
    tokio::time::sleep(Duration::from_millis(3_100)).await;
    rig.encoder().await.encode(rig.again(&job)).await.expect("encoded");
    let tokens: Vec<_> = rig.fake.jobs().iter().map(|j| j.request["clientRequestToken"].clone()).collect();
    assert!(tokens[2].as_str().is_some_and(|t| t.ends_with("-3")), "no token comes twice: {tokens:?}");
}

async fn a_service_out_of_reach_is_no_news_of_a_job(ground: Ground) {
    let knobs = Knobs { job_time: Duration::from_millis(500), ..Knobs::default() };
    let rig = Arc::new(Rig::open(ground, knobs, Hearing::Straight).await);
    for (video, refusal) in
        [(1, (429, "TooManyRequestsException")), (2, (500, "InternalServerErrorException"))]
    {
        let (job, _) = rig.job(video, &Transform::default()).await;
        let (encoder, before) = (rig.encoder().await, rig.fake.refused());
        let run = tokio::spawn(async move { encoder.encode(job).await });
        while rig.fake.jobs().len() < video as usize {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        rig.fake.change(|k| k.refuses = Some(refusal));
        // Longer than the job takes, and than the client's own repeats.
        tokio::time::sleep(Duration::from_millis(800)).await;
        assert!(rig.fake.refused() > before + 4, "it was asked meanwhile");
        rig.fake.change(|k| k.refuses = None);
        run.await.expect("runs").unwrap_or_else(|e| panic!("{refusal:?}: {e}"));
    }
    assert_eq!((rig.fake.jobs().len(), rig.fake.billed()), (2, 2));
}

/// What the runner of jobs takes for a lack of room, for which it comes back for days.
async fn put_off(rig: &Rig, policy: MediaConvertPolicy, job: &EncodeJob) {
    match rig.encoder_by(policy).await.encode(rig.again(job)).await {
        Err(MediaError::Fault(fault)) => assert_eq!(fault.kind, stdx::FaultKind::Full, "{fault}"),
        other => panic!("{other:?}"),
    }
}

async fn a_busy_service_and_a_long_job_use_up_no_attempt(ground: Ground) {
    let knobs = Knobs { job_time: Duration::from_millis(600), ..Knobs::default() };
    let rig = Rig::open(ground, knobs, Hearing::Straight).await;
    let (job, _) = rig.job(1, &Transform::default()).await;
    for refusal in [(429, "TooManyRequestsException"), (500, "InternalServerErrorException")] {
        rig.fake.change(|k| k.refuses = Some(refusal));
        put_off(&rig, rig.policy.clone(), &job).await;
    }
    rig.fake.change(|k| k.refuses = None);
    let impatient = MediaConvertPolicy { patience: Millis(100), ..rig.policy.clone() };
    put_off(&rig, impatient.clone(), &job).await;
    put_off(&rig, impatient, &job).await;
    rig.encoder().await.encode(rig.again(&job)).await.expect("encoded");
    assert_eq!((rig.fake.jobs().len(), rig.fake.billed()), (1, 1));
}

/// A machine that can measure quality.
struct Measures(MemoryEncoder);

#[async_trait]
impl Encoder for Measures {
    fn fingerprint(&self) -> String {
        self.0.fingerprint()
    }
    async fn encode(&self, job: EncodeJob) -> Result<Encoded, MediaError> {
        self.0.encode(job).await
    }
    async fn probe(&self, _: ProbeJob) -> Result<Option<Probed>, MediaError> {
        Ok(Some(Probed { metric: Metric::Vmaf, scores_centi: [9_700, 9_100] }))
    }
    async fn verify(&self, job: VerifyJob) -> Result<(), MediaError> {
        self.0.verify(job).await
    }
}

/// A measurement may end otherwise the next time, and the work is named by the plan.
async fn no_quality_is_measured_that_names_the_work(ground: Ground) {
    let mut rig = Rig::open(ground, Knobs::default(), Hearing::Straight).await;
    rig.local = Arc::new(Measures(MemoryEncoder::default()));
    let (job, _) = rig.job(1, &Transform::default()).await;
    let probe = ProbeJob {
        video: job.video,
        source: job.source.clone(),
        work_dir: rig.room(),
        plan: job.plan.clone(),
        samples: vec![(Millis(0), Millis(1_000))],
        crf_centi: [2_400, 3_000],
    };
    assert_eq!(rig.encoder().await.probe(probe).await.expect("an answer"), None);
}

async fn a_queue_that_is_not_there_is_said_before_anything_is_encoded(ground: Ground) {
    let rig = Rig::open(ground, Knobs::default(), Hearing::Deaf).await;
    let service = rig.service(aws::sdk::http_client()).await;
    for queue in ["", "signal", "arn:aws:mediaconvert:us-east-1:111122223333:queues/signal"] {
        service.check("encoder.url", queue).await.unwrap_or_else(|said| panic!("{queue}: {said}"));
    }
    let said = service.check("encoder.url", "sginal").await.expect_err("refused");
    assert!(said.contains("no queue sginal in this region") && said.contains("encoder.url"), "{said}");
    rig.fake.change(|k| k.refuses = Some((403, "AccessDeniedException")));
    let said = service.check("encoder.url", "signal").await.expect_err("refused");
    assert!(said.contains("extend their policy"), "{said}");
}

pub fn trials() -> Vec<Trial> {
    macro_rules! calm {
        ($($name:ident),* $(,)?) => {
            vec![$(trial(concat!("patience::", stringify!($name)), Storm::Calm, $name)),*]
        };
    }
    calm!(
        jobs_that_came_to_nothing_are_forgiven_in_time,
        a_service_out_of_reach_is_no_news_of_a_job,
        a_busy_service_and_a_long_job_use_up_no_attempt,
        no_quality_is_measured_that_names_the_work,
        a_queue_that_is_not_there_is_said_before_anything_is_encoded,
    )
}
