//! The six calls to the service.

use super::job::{JobSettings, Request, meta};
use super::ledger::Claim;
use crate::fault;
use aws_sdk_mediaconvert::Client;
use aws_sdk_mediaconvert::operation::create_job::CreateJobError;
use aws_sdk_mediaconvert::operation::create_job::builders::CreateJobFluentBuilder;
use aws_sdk_mediaconvert::types as t;
use stdx::{Fault, FaultKind};

/// What every job and its bill carries.
const TAG: (&str, &str) = ("application", "signal-video");

/// How a job stands, as the service says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Waiting,
    Working(u8),
    Complete,
    Error(Option<i32>, String),
    Canceled,
}

/// How a creation ended.
#[derive(Debug)]
pub enum Created {
    Job(String),
    /// The token is known with another request, or somebody else is creating it this moment.
    Conflict,
}

#[derive(Debug, Clone)]
pub struct Service {
    client: Client,
}

impl Service {
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The whole call, unsent: what tests write down.
    pub fn creation(&self, request: Request, settings: &JobSettings) -> CreateJobFluentBuilder {
        let mut call = self
            .client
            .create_job()
            .client_request_token(request.token)
            .role(&settings.role)
            .set_queue(Some(settings.queue.clone()).filter(|q| !q.is_empty()))
            .status_update_interval(t::StatusUpdateInterval::Seconds15)
            .billing_tags_source(t::BillingTagsSource::Job)
            .tags(TAG.0, TAG.1)
            .settings(request.settings);
        for (key, value) in request.metadata {
            if matches!(key, meta::VIDEO | meta::PLAN) {
                call = call.tags(key, &value);
            }
            call = call.user_metadata(key, value);
        }
        call
    }

    /// A repetition within the SDK has the same token.
    pub async fn create(&self, request: Request, settings: &JobSettings) -> Result<Created, Fault> {
        match self.creation(request, settings).send().await {
            Ok(made) => made
                .job
                .and_then(|j| j.id)
                .map(Created::Job)
                .ok_or_else(|| Fault::internal("MediaConvert made a job without a name")),
            Err(e) if matches!(e.as_service_error(), Some(CreateJobError::ConflictException(_))) => {
                Ok(Created::Conflict)
            }
            Err(e) => Err(fault::of("creating an encoding job", e)),
        }
    }

    /// The job of this attempt among those with the same input. `ids` of several, oldest first, would be a
    /// bill too many: the first is the one.
    pub async fn find(&self, claim: &Claim, input: &str, pages_max: u32) -> Result<Option<String>, Fault> {
        let (mut after, attempt) = (None, claim.attempt.to_string());
        let mut found: Vec<t::Job> = Vec::new();
        for _ in 0..pages_max {
            let call = self.client.search_jobs().input_file(input).max_results(20);
            let page = call.order(t::Order::Descending).set_next_token(after).send().await;
            let page = page.map_err(|e| fault::of("looking for an encoding job", e))?;
            let is_it = |job: &t::Job| {
                let of = |key: &str| job.user_metadata.as_ref().and_then(|m| m.get(key));
                of(meta::WORK) == Some(&claim.work) && of(meta::ATTEMPT) == Some(&attempt)
            };
            found.extend(page.jobs.unwrap_or_default().into_iter().filter(is_it));
            after = page.next_token;
            if after.is_none() {
                break;
            }
        }
        if found.len() > 1 {
            tracing::error!(work = claim.work, jobs = found.len(), "one piece of work has several jobs");
        }
        // The last of a descending list is the oldest.
        Ok(found.pop().and_then(|job| job.id))
    }

    /// `None`: the service knows no such job (yet).
    pub async fn state(&self, job_id: &str) -> Result<Option<State>, Fault> {
        let answer = match self.client.get_job().id(job_id).send().await {
            Ok(answer) => answer,
            Err(e) if e.as_service_error().is_some_and(|s| s.is_not_found_exception()) => return Ok(None),
            Err(e) => return Err(fault::of("asking for an encoding job", e)),
        };
        let Some(job) = answer.job else { return Ok(None) };
        let percent = job.job_percent_complete.unwrap_or(0).clamp(0, 100) as u8;
        Ok(Some(match job.status {
            Some(t::JobStatus::Complete) => State::Complete,
            Some(t::JobStatus::Canceled) => State::Canceled,
            Some(t::JobStatus::Error) => State::Error(job.error_code, job.error_message.unwrap_or_default()),
            Some(t::JobStatus::Progressing) => State::Working(percent),
            Some(t::JobStatus::Submitted) => State::Waiting,
            other => {
                let said = format!("MediaConvert says a state that we do not know: {other:?}");
                return Err(Fault::new(FaultKind::Newer, said));
            }
        }))
    }

    /// One that has ended already stays as it is.
    pub async fn cancel(&self, job_id: &str) -> Result<(), Fault> {
        let call = self.client.cancel_job().id(job_id).send().await;
        call.map(drop).map_err(|e| fault::of("ending an encoding job", e))
    }

    /// Whether the service is there, lets us in, and has the queue (name or ARN; empty = the account's own).
    /// Costs nothing.
    pub async fn check(&self, setting: &str, queue: &str) -> Result<(), String> {
        let looked = self.client.search_jobs().max_results(1).send().await;
        let said = looked.map_err(|e| crate::checks::refusal(setting, &e));
        said.map_err(|e| format!("MediaConvert cannot be asked for its jobs: {e}"))?;
        // The service knows queues by name alone.
        let Some(name) = queue.rsplit('/').next().filter(|n| !n.is_empty()) else { return Ok(()) };
        match self.client.get_queue().name(name).send().await {
            Ok(_) => Ok(()),
            Err(e) if e.as_service_error().is_some_and(|s| s.is_not_found_exception()) => Err(format!(
                "MediaConvert has no queue {name} in this region: correct region or queue in {setting}, leave queue \
                 out for the account's default, or create it"
            )),
            Err(e) => {
                let said = crate::checks::refusal(setting, &e);
                Err(format!("MediaConvert cannot be asked for its queue {name}: {said}"))
            }
        }
    }
}
