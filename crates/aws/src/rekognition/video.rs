//! Tier B: `StartContentModeration` on the stored object, once per content.

use super::labels;
use super::pace::Pace;
use super::policy::RekognitionPolicy;
use super::rows::{Ask, Back, End, Look, Looks, sights};
use crate::dynamo::Dynamo;
use crate::fault;
use crate::sdk::Aws;
use async_trait::async_trait;
use aws_sdk_rekognition::Client;
use aws_sdk_rekognition::operation::get_content_moderation::GetContentModerationOutput;
use aws_sdk_rekognition::types::{
    ContentModerationAggregateBy, ContentModerationSortBy, NotificationChannel, S3Object, Video,
    VideoJobStatus,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use moderation::{SecondLook, SecondLookJob, Sight};
use std::sync::Arc;
use stdx::{Clock, Entropy, Fault, FaultKind};
use tokio::time::{Instant, sleep};
use vocab::{MediaKey, Millis};

/// Where the service says that a job has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    pub topic_arn: String,
    /// A role that the service takes to publish there.
    pub role_arn: String,
}

pub struct VideoDeps {
    pub dynamo: Dynamo,
    pub clock: Arc<dyn Clock>,
    /// The bucket of the raw objects, in the region of the service.
    pub bucket: String,
    /// `None` = the service is asked now and then.
    pub channel: Option<Channel>,
    pub policy: RekognitionPolicy,
}

/// Looks at whole stored videos. Cheap to clone.
#[derive(Clone)]
pub struct RekognitionVideo(Arc<Inner>);

struct Inner {
    client: Client,
    entropy: Arc<dyn Entropy>,
    looks: Looks,
    bucket: String,
    channel: Option<Channel>,
    judges: Vec<String>,
    pace: Pace,
}

/// What one round came to.
enum Round {
    /// `None` = it cannot be judged.
    Over(Option<Vec<Sight>>),
    Wait,
}

/// The service refuses, and will refuse again.
struct Refused {
    code: String,
    said: String,
}

/// Refusals of a start that another try with the same words does not mend.
const REFUSALS: [&str; 5] = [
    "LimitExceededException",
    "IdempotentParameterMismatchException",
    "InvalidS3ObjectException",
    "VideoTooLargeException",
    "ResourceNotFoundException",
];

impl RekognitionVideo {
    pub fn new(aws: &Aws, deps: VideoDeps) -> Self {
        Self(Arc::new(Inner {
            client: aws.rekognition(),
            entropy: Arc::clone(aws.entropy()),
            bucket: deps.bucket,
            channel: deps.channel,
            judges: labels::judges(),
            pace: Pace::per_second(deps.policy.video_calls_per_second),
            looks: Looks {
                dynamo: deps.dynamo,
                clock: deps.clock,
                policy: deps.policy,
                told: Arc::default(),
            },
        }))
    }

    pub(super) fn looks(&self) -> &Looks {
        &self.0.looks
    }

    /// Jobs under way, of all processes.
    pub async fn open(&self) -> Result<usize, Fault> {
        self.0.looks.open().await
    }
}

#[async_trait]
impl SecondLook for RekognitionVideo {
    fn judges(&self) -> &[String] {
        &self.0.judges
    }

    async fn findings(&self, job: &SecondLookJob) -> Result<Option<Vec<Sight>>, Fault> {
        let inner = &self.0;
        let policy = &inner.looks.policy;
        let (begun, mut asked_at) = (Instant::now(), Millis(i64::MIN));
        loop {
            let told = inner.looks.told.notified();
            if let Round::Over(answer) = inner.round(job, &mut asked_at).await? {
                return Ok(answer);
            }
            if begun.elapsed() >= policy.patience {
                return Err(Fault::unavailable("Rekognition has not ended its look at this video yet"));
            }
            tokio::select! {
                () = told => {}
                () = sleep(policy.look_every) => {}
            }
        }
    }
}

impl Inner {
    /// One look at the row, and the next step from there.
    async fn round(&self, job: &SecondLookJob, asked_at: &mut Millis) -> Result<Round, Fault> {
        let content = job.content_sha256.as_str();
        let Some(look) = self.looks.get(content).await? else {
            let ask = self.ask_of(job, 0);
            return match self.looks.claim(content, &ask).await? {
                true => self.begin(job, ask).await,
                false => Ok(Round::Wait),
            };
        };
        match (&look.end, &look.job_id) {
            (Some(End::Seen(sights)), _) => Ok(Round::Over(Some(sights.clone()))),
            (Some(End::Why(why)), _) => {
                tracing::info!(video = %job.video, why, "Rekognition cannot judge these bytes");
                Ok(Round::Over(None))
            }
            (None, Some(id)) => {
                let since = look.started_at.max(*asked_at);
                let now = self.looks.clock.now();
                if !look.is_told && now.saturating_sub(since) < self.looks.policy.ask_every {
                    return Ok(Round::Wait);
                }
                *asked_at = now;
                self.ask(content, id).await
            }
            (None, None) => self.take_over(job, &look).await,
        }
    }

    /// Only who holds the claim asks for a place: the row of places is everybody's.
    async fn begin(&self, job: &SecondLookJob, ask: Ask) -> Result<Round, Fault> {
        let content = job.content_sha256.as_str();
        if self.looks.enter(content).await? {
            return self.start(job, ask).await;
        }
        self.looks.give_back(content, Back::AsItStands).await?;
        Err(full())
    }

    /// Claimed, and nobody knows whether it was started.
    async fn take_over(&self, job: &SecondLookJob, look: &Look) -> Result<Round, Fault> {
        let (content, now) = (job.content_sha256.as_str(), self.looks.clock.now());
        if look.lease_until > now {
            return Ok(Round::Wait);
        }
        // A claim that only waited for its place was never sent, however old it is.
        if look.sent_at.is_some_and(|at| now.saturating_sub(at) > self.looks.policy.token_trusted) {
            let why = "it was sent long ago, and whether a job was started nobody knows";
            self.looks.end(content, &End::Why(why.into()), None).await?;
            return Ok(Round::Over(None));
        }
        match self.looks.take_over(content).await? {
            Some(ask) => self.begin(job, ask).await,
            None => Ok(Round::Wait),
        }
    }

    /// The words of a request. Another `generation` is another token.
    fn ask_of(&self, job: &SecondLookJob, generation: u32) -> Ask {
        let token = match generation {
            0 => job.content_sha256.clone(),
            n => format!("{}-{n}", job.content_sha256.get(..48).unwrap_or_default()),
        };
        Ask {
            bucket: self.bucket.clone(),
            object: MediaKey::Raw { video: job.video, upload: job.upload }.object_key(),
            token,
            confidence_min: self.looks.policy.confidence_min,
            channel: self.channel.as_ref().map(|c| (c.topic_arn.clone(), c.role_arn.clone())),
        }
    }

    async fn start(&self, job: &SecondLookJob, ask: Ask) -> Result<Round, Fault> {
        let content = job.content_sha256.as_str();
        let back = if self.looks.sending(content).await? { Back::Unsent } else { Back::AsItStands };
        let call = || self.start_call(content, &ask);
        match self.pace.call(&self.looks.policy, self.entropy.as_ref(), call).await {
            Ok(Ok(id)) => {
                stdx::crash::reached("rekognition.started");
                self.looks.started(content, &id).await?;
                Ok(Round::Wait)
            }
            Ok(Err(why)) => self.refused(job, &ask, why, back).await,
            Err(fault) => {
                // Perhaps it was started all the same: the same words find the same job, so its place stays.
                // Not where the service itself said that it will not: others may use the place.
                if matches!(fault.kind, FaultKind::Internal | FaultKind::Throttled) {
                    self.looks.leave(content).await?;
                }
                self.looks.give_back(content, Back::AsItStands).await?;
                Err(fault)
            }
        }
    }

    async fn start_call(&self, content: &str, ask: &Ask) -> Result<Result<String, Refused>, Fault> {
        let object = S3Object::builder().bucket(&ask.bucket).name(&ask.object).build();
        let channel = ask
            .channel
            .as_ref()
            .map(|(topic, role)| NotificationChannel::builder().sns_topic_arn(topic).role_arn(role).build());
        let answer = self
            .client
            .start_content_moderation()
            .video(Video::builder().s3_object(object).build())
            .min_confidence(ask.confidence_min)
            .client_request_token(&ask.token)
            .set_notification_channel(channel.transpose().map_err(Fault::internal)?)
            .job_tag(content)
            .send()
            .await;
        match answer {
            Ok(started) => match started.job_id {
                Some(id) => Ok(Ok(id)),
                None => Err(Fault::internal("Rekognition started a job without a name")),
            },
            Err(e) => definite("starting a look at a video", e).map(Err),
        }
    }

    /// No job was started with these words, and none will be.
    async fn refused(
        &self,
        job: &SecondLookJob,
        ask: &Ask,
        refused: Refused,
        back: Back<'_>,
    ) -> Result<Round, Fault> {
        let content = job.content_sha256.as_str();
        let ours = self.ask_of(job, 1);
        match refused.code.as_str() {
            "LimitExceededException" => {
                self.looks.leave(content).await?;
                self.looks.give_back(content, back).await?;
                Err(full())
            }
            // The object of another video with the same bytes, erased since: ours has them too.
            "InvalidS3ObjectException" if ask.object != ours.object => {
                self.looks.give_back(content, Back::With(&ours)).await?;
                Ok(Round::Wait)
            }
            "InvalidS3ObjectException" => {
                self.looks.leave(content).await?;
                self.looks.give_back(content, back).await?;
                Err(Fault::internal(format!("Rekognition cannot read {}: {}", ask.object, refused.said)))
            }
            _ => {
                self.looks.end(content, &End::Why(refused.said), None).await?;
                Ok(Round::Over(None))
            }
        }
    }

    /// Reads what a job has to say.
    async fn ask(&self, content: &str, id: &str) -> Result<Round, Fault> {
        let (mut found, mut next, mut model) = (Vec::new(), None, None);
        for _ in 0..self.looks.policy.pages_max {
            let call = || self.page(id, next.clone());
            let page = match self.pace.call(&self.looks.policy, self.entropy.as_ref(), call).await? {
                Ok(page) => page,
                Err(refused) => return self.over(content, End::Why(refused.said), None).await,
            };
            match page.job_status() {
                Some(VideoJobStatus::Succeeded) => {}
                Some(VideoJobStatus::InProgress) => return Ok(Round::Wait),
                Some(VideoJobStatus::Failed) => {
                    let why = page.status_message().unwrap_or("the job failed").to_owned();
                    return self.over(content, End::Why(why), None).await;
                }
                other => return Err(Fault::internal(format!("Rekognition answers the status {other:?}"))),
            }
            let seen = page.moderation_labels().iter();
            found
                .extend(seen.filter_map(|d| d.moderation_label().map(|l| labels::finding(l, d.timestamp()))));
            model = page.moderation_model_version;
            next = page.next_token;
            if next.is_none() {
                found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
                found.truncate(self.looks.policy.kept_max);
                return self.over(content, End::Seen(sights(found)), model.as_deref()).await;
            }
        }
        self.over(content, End::Why("it says more than can be read".into()), model.as_deref()).await
    }

    async fn page(
        &self,
        id: &str,
        next: Option<String>,
    ) -> Result<Result<GetContentModerationOutput, Refused>, Fault> {
        let answer = self
            .client
            .get_content_moderation()
            .job_id(id)
            .sort_by(ContentModerationSortBy::Timestamp)
            .aggregate_by(ContentModerationAggregateBy::Timestamps)
            .max_results(self.looks.policy.page_max)
            .set_next_token(next)
            .send()
            .await;
        match answer {
            Ok(page) => Ok(Ok(page)),
            Err(e) => definite("asking for a look at a video", e).map(Err),
        }
    }

    async fn over(&self, content: &str, end: End, model: Option<&str>) -> Result<Round, Fault> {
        self.looks.end(content, &end, model).await?;
        Ok(match end {
            End::Seen(sights) => Round::Over(Some(sights)),
            End::Why(_) => Round::Over(None),
        })
    }
}

/// Waiting for a place uses up none of a job's attempts.
fn full() -> Fault {
    Fault::full("Rekognition looks at as many videos as it may at once")
}

/// A refusal that stands; everything else is a fault.
fn definite<E, R>(
    what: &str,
    e: aws_smithy_runtime_api::client::result::SdkError<E, R>,
) -> Result<Refused, Fault>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let code = e.as_service_error().and_then(|s| s.code()).unwrap_or_default().to_owned();
    let fault = fault::of(what, e);
    if REFUSALS.contains(&code.as_str()) { Ok(Refused { code, said: fault.to_string() }) } else { Err(fault) }
}
