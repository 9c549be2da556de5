//! Pass B by MediaConvert, where `encoder.url` says so.

use super::checks::{self, Look, Said};
use super::{Remote, connect};
use crate::config::Encoding;
use crate::wiring::stores::Base;
use anyhow::Context;
use async_trait::async_trait;
use aws::mediaconvert::{
    Effort, JobEvents, JobSettings, Ledger, MediaConvertDeps, MediaConvertEncoder, MediaConvertPolicy,
    Service,
};
use aws::work::Mailbox;
use std::sync::Arc;
use transcode::Encoder;

const SETTING: &str = "encoder.url";

/// The service, and the queue that jobs are put into.
struct ServiceAnswers(Service, String);

#[async_trait]
impl Look for ServiceAnswers {
    async fn look(&self) -> Said {
        self.0.check(SETTING, &self.1).await
    }
}

impl Remote {
    fn ledger(&self) -> Option<Ledger> {
        self.dynamo.clone().map(|d| Ledger::new(d, MediaConvertPolicy::default().remember))
    }

    /// Who writes down what the queue tells of jobs.
    pub(super) fn job_events(&self, mailbox: Mailbox) -> Option<JobEvents> {
        self.ledger().map(|ledger| JobEvents::new(mailbox, ledger))
    }

    /// The encoder of the settings; `local` itself, or what has `local` look at its work.
    pub async fn encoder(
        &mut self,
        base: &Base<'_>,
        local: Arc<dyn Encoder>,
    ) -> anyhow::Result<Arc<dyn Encoder>> {
        let Encoding::MediaConvert { region, role, queue, economy } = base.config.encoding()? else {
            return Ok(local);
        };
        let ledger =
            self.ledger().context("encoder.url: MediaConvert needs stores.url = \"dynamodb://…\"")?;
        let objects =
            self.bucket.clone().context("encoder.url: MediaConvert needs objects.url = \"s3://…\"")?;
        let connection = connect(base.entropy, &region, &base.config.encoder.endpoint).await;
        let service = Service::new(connection.mediaconvert());
        if base.duties.works {
            service.check(SETTING, &queue).await.map_err(|said| anyhow::anyhow!("cannot start: {said}"))?;
            let answers = ServiceAnswers(service.clone(), queue.clone());
            self.checks.push(checks::just_seen("mediaconvert", answers));
        }
        let effort = if economy { Effort::Economy } else { Effort::Balanced };
        Ok(Arc::new(MediaConvertEncoder::new(MediaConvertDeps {
            service,
            ledger,
            objects,
            local,
            clock: Arc::clone(base.clock),
            entropy: Arc::clone(base.entropy),
            settings: JobSettings { role, queue, effort, captures: None },
            policy: MediaConvertPolicy::default(),
        })))
    }
}
