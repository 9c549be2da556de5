//! Frames and whole videos looked at by Rekognition, where the settings say so.

use super::checks::{self, Look, Said};
use super::{Remote, connect, delivery};
use crate::config::{FrameJudge, JobDelivery, SecondLooker, StoredBytes};
use crate::wiring::media::Media;
use crate::wiring::stores::Base;
use anyhow::{Context, bail};
use async_trait::async_trait;
use aws::Aws;
use aws::dynamo::Dynamo;
use aws::rekognition::{
    Channel, Door, EndedDeps, EndedLooks, LOOK_QUEUE, RekognitionClassifier, RekognitionPolicy,
    RekognitionVideo, VideoDeps,
};
use std::sync::Arc;

/// The service, and the setting that names it.
struct ServiceAnswers(Door, &'static str);

#[async_trait]
impl Look for ServiceAnswers {
    async fn look(&self) -> Said {
        self.0.check(self.1).await
    }
}

impl Remote {
    /// Puts the classifier and the second look of the settings in the place of those of this machine.
    pub async fn eyes(&mut self, base: &Base<'_>, media: &mut Media) -> anyhow::Result<()> {
        let config = base.config;
        let policy = RekognitionPolicy::default();
        if let FrameJudge::Rekognition { region } = config.frame_judge()? {
            let connection = connect(base.entropy, &region, &config.moderation.endpoint).await;
            self.sees(base, &connection, ("rekognition frames", "moderation.classifier")).await?;
            media.classifier = Some(Arc::new(RekognitionClassifier::new(&connection, policy.clone())));
        }
        let SecondLooker::Rekognition { region, channel } = config.second_looker()? else { return Ok(()) };
        let connection = connect(base.entropy, &region, &config.moderation.endpoint).await;
        let StoredBytes::S3 { bucket } = config.bytes()? else {
            bail!("moderation.second_look: Rekognition needs objects.url = \"s3://…\"")
        };
        let dynamo: Dynamo = self
            .dynamo
            .clone()
            .context("moderation.second_look: Rekognition needs stores.url = \"dynamodb://…\"")?;
        self.sees(base, &connection, ("rekognition videos", "moderation.second_look")).await?;
        let is_told = channel.is_some();
        let channel = channel.map(|(topic_arn, role_arn)| Channel { topic_arn, role_arn });
        let clock = Arc::clone(base.clock);
        let video = RekognitionVideo::new(&connection, VideoDeps { dynamo, clock, bucket, channel, policy });
        if is_told && base.duties.works {
            self.hear_of_looks(base, &video).await?;
        }
        media.second_look = Some(Arc::new(video));
        Ok(())
    }

    /// Who judges asks the service whether it is there, now and for `/readyz`.
    async fn sees(
        &mut self,
        base: &Base<'_>,
        connection: &Aws,
        (name, setting): (&'static str, &'static str),
    ) -> anyhow::Result<()> {
        if base.duties.works {
            let door = Door::new(connection);
            door.check(setting).await.map_err(|said| anyhow::anyhow!("cannot start: {said}"))?;
            self.checks.push(checks::just_seen(name, ServiceAnswers(door, setting)));
        }
        Ok(())
    }

    /// Hears for as long as the process lives: jobs that end in its last seconds are heard of too.
    async fn hear_of_looks(&mut self, base: &Base<'_>, video: &RekognitionVideo) -> anyhow::Result<()> {
        let JobDelivery::Sqs { region, prefix } = base.config.delivery_of_jobs()? else {
            bail!(
                "moderation.second_look names a topic, whose messages come by a queue: set work.queue_url = \
                 \"sqs://region/prefix\", or leave topic and role out"
            )
        };
        let client = connect(base.entropy, &region, &base.config.work.endpoint).await.sqs();
        let place = ("queue of looks", format!("{prefix}{}", LOOK_QUEUE.name));
        let mailbox = delivery::open(&client, base.entropy, place, self).await?;
        let ended = EndedLooks::new(EndedDeps { video: video.clone(), mailbox });
        tokio::spawn(ended.run(std::future::pending()));
        Ok(())
    }
}
