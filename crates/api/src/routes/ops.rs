//! For operators: is it well, and what to do where it is not.

use crate::auth::Operator;
use crate::body::{Json, Path, Query};
use crate::cursor::{List, Position};
use crate::dto::Page;
use crate::dto::PageQuery;
use crate::dto::ops::{JobView, OpsSummary, QueueState, summary_of};
use crate::problem::Problem;
use crate::state::ApiState;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};
use vocab::{JobId, Millis};
use work::{JobFilter, JobState, Order};

pub fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(summary))
        .routes(routes!(jobs))
        .routes(routes!(job))
        .routes(routes!(replay))
        .routes(routes!(cancel))
}

/// Promises, queues, disk, rates and what they were in the last minutes.
#[utoipa::path(get, path = "/v1/ops/summary", tag = "ops", operation_id = "ops_summary", security(("bearer" = [])),
    responses((status = 200, description = "The state of the house.", body = OpsSummary)))]
async fn summary(State(state): State<ApiState>, _: Operator) -> Result<Json<OpsSummary>, Problem> {
    let now = state.clock.now();
    let queues = state.jobs.tally().await?.into_iter().map(|t| QueueState::of(t, now)).collect();
    Ok(Json(summary_of(&state, queues, now)))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct JobQuery {
    /// `ready`, `running`, `done`, `dead` or `cancelled`.
    pub state: Option<String>,
    pub kind: Option<String>,
    pub cursor: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u32>,
}

fn job_state(word: &str) -> Result<JobState, Problem> {
    Ok(match word {
        "ready" => JobState::Ready,
        "running" => JobState::Running,
        "done" => JobState::Done,
        "dead" => JobState::Dead,
        "cancelled" => JobState::Cancelled,
        _ => {
            return Err(Problem::field(
                "state",
                "unknown",
                "A state is ready, running, done, dead or cancelled.",
            ));
        }
    })
}

/// Jobs, newest first.
#[utoipa::path(get, path = "/v1/ops/jobs", tag = "ops", operation_id = "ops_jobs", params(JobQuery),
    security(("bearer" = [])), responses((status = 200, description = "A page.", body = Page<JobView>)))]
async fn jobs(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Query(query): Query<JobQuery>,
) -> Result<Json<Page<JobView>>, Problem> {
    let JobQuery { state: word, kind, cursor, limit } = query;
    let limit = PageQuery { cursor: None, limit }.limit(&state.config.policy)?;
    let about = format!("{}/{}", word.as_deref().unwrap_or("*"), kind.as_deref().unwrap_or("*"));
    let list = List { name: "jobs", reader: Some(caller.user), about: &about };
    let before = cursor.map(|c| state.cursors.read(list, &c)).transpose()?.map(|p| JobId(p.id));
    let wanted = word.as_deref().map(job_state).transpose()?;
    let filter = JobFilter { kind, state: wanted, before, limit, ..JobFilter::default() };
    let found = state.jobs.list(filter).await?;
    let last = found.last().filter(|_| found.len() == limit);
    let next_cursor = last.map(|j| state.cursors.write(list, Position { at: Millis(0), id: j.id.0 }));
    Ok(Json(Page { items: found.into_iter().map(JobView::from).collect(), next_cursor }))
}

/// One job.
#[utoipa::path(get, path = "/v1/ops/jobs/{id}", tag = "ops", operation_id = "ops_job",
    params(("id" = String, Path, description = "Job id.")), security(("bearer" = [])),
    responses((status = 200, description = "The job.", body = JobView)))]
async fn job(
    State(state): State<ApiState>,
    _: Operator,
    Path(id): Path<JobId>,
) -> Result<Json<JobView>, Problem> {
    Ok(Json(state.jobs.get(id).await?.into()))
}

/// Gives a dead job a fresh set of attempts.
#[utoipa::path(post, path = "/v1/ops/jobs/{id}/replay", tag = "ops", operation_id = "ops_job_replay",
    params(("id" = String, Path, description = "Job id.")), security(("bearer" = [])),
    responses((status = 200, description = "It waits again.", body = JobView)))]
async fn replay(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(id): Path<JobId>,
) -> Result<Json<JobView>, Problem> {
    steer(&state, id, Order::Replay, caller.user).await
}

/// Asks a live job to stop.
#[utoipa::path(post, path = "/v1/ops/jobs/{id}/cancel", tag = "ops", operation_id = "ops_job_cancel",
    params(("id" = String, Path, description = "Job id.")), security(("bearer" = [])),
    responses((status = 200, description = "It stops, or is told to at its next heartbeat.", body = JobView)))]
async fn cancel(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(id): Path<JobId>,
) -> Result<Json<JobView>, Problem> {
    steer(&state, id, Order::Cancel, caller.user).await
}

async fn steer(
    state: &ApiState,
    id: JobId,
    order: Order,
    by: vocab::UserId,
) -> Result<Json<JobView>, Problem> {
    let job = state.jobs.steer(id, order, state.clock.now()).await?;
    tracing::info!(%id, ?order, %by, kind = %job.kind, "an operator steered a job");
    Ok(Json(job.into()))
}
