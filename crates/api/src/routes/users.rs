//! Profiles: the caller's own, everybody's, and people as operators see them.

use crate::auth::{Caller, Operator};
use crate::body::{Json, Path, Query};
use crate::cursor::{List, Position};
use crate::dto::user::{PublicProfile, RolesWanted, User, UserCounts};
use crate::dto::{Page, PageQuery};
use crate::problem::Problem;
use crate::state::ApiState;
use axum::extract::State;
use catalog::{Shelf, VideoStoreExt};
use identity::{ProfileEdit, UserFilter};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use vocab::{Millis, UserId};

/// Profiles count videos up to here.
const COUNT_MAX: usize = 1_000;

pub fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(me, edit_me))
        .routes(routes!(profile))
        .routes(routes!(search))
        .routes(routes!(set_roles))
}

async fn own(state: &ApiState, record: identity::User) -> Result<User, Problem> {
    let videos = state.videos.count_by_owner(record.id, false, COUNT_MAX).await? as u64;
    let likes = state.library.count(record.id, Shelf::Likes).await?;
    Ok(User { counts: Some(UserCounts { videos, likes }), ..User::from(record) })
}

/// The caller.
#[utoipa::path(get, path = "/v1/me", tag = "users", operation_id = "me_get", security(("bearer" = [])),
    responses((status = 200, description = "The caller's profile.", body = User)))]
async fn me(State(state): State<ApiState>, caller: Caller) -> Result<Json<User>, Problem> {
    let record = state.issuer.me(&caller).await?;
    Ok(Json(own(&state, record).await?))
}

/// What is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ProfileChange {
    #[schema(max_length = 50)]
    pub display_name: Option<String>,
    /// 3 to 24 of `a–z 0–9 _`, starting with a letter.
    #[schema(min_length = 3, max_length = 24)]
    pub handle: Option<String>,
    #[schema(max_length = 300)]
    pub bio: Option<String>,
}

/// Changes the caller's profile.
#[utoipa::path(patch, path = "/v1/me", tag = "users", operation_id = "me_edit", request_body = ProfileChange,
    security(("bearer" = [])), responses(
        (status = 200, description = "The caller's profile.", body = User),
        (status = 409, description = "Somebody else has the handle."),
))]
async fn edit_me(
    State(state): State<ApiState>,
    caller: Caller,
    Json(body): Json<ProfileChange>,
) -> Result<Json<User>, Problem> {
    let ProfileChange { display_name, handle, bio } = body;
    let record = state.issuer.update_profile(&caller, ProfileEdit { display_name, handle, bio }).await?;
    Ok(Json(own(&state, record).await?))
}

/// What everybody may know of a person.
#[utoipa::path(get, path = "/v1/users/{id}", tag = "users", operation_id = "user_get",
    params(("id" = String, Path, description = "User id.")),
    responses((status = 200, description = "The profile.", body = PublicProfile)))]
async fn profile(
    State(state): State<ApiState>,
    Path(id): Path<UserId>,
) -> Result<Json<PublicProfile>, Problem> {
    let profile = state.issuer.profile(id).await?;
    let videos = state.videos.count_by_owner(id, true, COUNT_MAX).await? as u64;
    Ok(Json(PublicProfile::of(profile, videos)))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PeopleQuery {
    /// Found anywhere in handle, e-mail or name; nothing = everybody.
    pub query: Option<String>,
    pub cursor: Option<String>,
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u32>,
}

/// People, newest first.
#[utoipa::path(get, path = "/v1/ops/users", tag = "ops", operation_id = "ops_users", params(PeopleQuery),
    security(("bearer" = [])), responses((status = 200, description = "A page.", body = Page<User>)))]
async fn search(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Query(asked): Query<PeopleQuery>,
) -> Result<Json<Page<User>>, Problem> {
    let PeopleQuery { query, cursor, limit } = asked;
    let limit = PageQuery { cursor: None, limit }.limit(&state.config.policy)?;
    let about = query.clone().unwrap_or_default();
    if about.len() > state.config.policy.token_chars_max {
        return Err(Problem::field("query", "too_long", "This is longer than any name."));
    }
    let list = List { name: "people", reader: Some(caller.user), about: &about };
    let before = cursor.map(|c| state.cursors.read(list, &c)).transpose()?.map(|p| UserId(p.id));
    let filter = UserFilter { text: query, role: None, before, limit };
    let found = state.issuer.search(&caller, filter).await?;
    let last = found.last().filter(|_| found.len() == limit);
    let next_cursor = last.map(|u| state.cursors.write(list, Position { at: Millis(0), id: u.id.0 }));
    Ok(Json(Page { items: found.into_iter().map(User::from).collect(), next_cursor }))
}

/// Gives a person exactly these roles. Counts at once.
#[utoipa::path(put, path = "/v1/ops/users/{id}/roles", tag = "ops", operation_id = "ops_user_roles",
    params(("id" = String, Path, description = "User id.")), request_body = RolesWanted,
    security(("bearer" = [])), responses((status = 200, description = "The person.", body = User)))]
async fn set_roles(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(id): Path<UserId>,
    Json(body): Json<RolesWanted>,
) -> Result<Json<User>, Problem> {
    Ok(Json(state.issuer.set_roles(&caller, id, &body.roles).await?.into()))
}
