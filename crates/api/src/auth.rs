//! Who calls. A bearer token is verified once a request; handlers name the role they need.

use crate::problem::{Problem, Slug};
use crate::state::ApiState;
use async_trait::async_trait;
use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, header};
use std::sync::Arc;
use vocab::{DeviceId, UserId};

/// What a caller may do beyond watching and uploading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    Viewer,
    Moderator,
    Operator,
}

/// A verified caller.
#[derive(Debug, Clone)]
pub struct Caller {
    pub user: UserId,
    pub guest: bool,
    pub roles: Vec<Role>,
    pub device: DeviceId,
    pub session: String,
}

/// Why a token does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    Expired,
    Invalid,
}

/// Verifies access tokens.
#[async_trait]
pub trait Tokens: Send + Sync + 'static {
    async fn verify(&self, access_token: &str) -> Result<Caller, Refusal>;
}

/// The verdict on the request's token, left in its extensions by the middleware.
#[derive(Debug, Clone)]
pub(crate) struct Verified(pub Result<Option<Arc<Caller>>, Refusal>);

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let text = value.to_str().map_err(|_| Refusal::Invalid)?;
    let (scheme, token) = text.split_once(' ').ok_or(Refusal::Invalid)?;
    if !scheme.eq_ignore_ascii_case("bearer") || token.len() > 8192 {
        return Err(Refusal::Invalid);
    }
    Ok(Some(token.trim()))
}

pub(crate) async fn verify(headers: &HeaderMap, tokens: &dyn Tokens) -> Verified {
    let outcome = match bearer(headers) {
        Ok(None) => Ok(None),
        Ok(Some(token)) => tokens.verify(token).await.map(|c| Some(Arc::new(c))),
        Err(refusal) => Err(refusal),
    };
    Verified(outcome)
}

fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Expired => Problem::new(Slug::TokenExpired, "Refresh the session and try again."),
        Refusal::Invalid => Problem::unauthorized("The access token is not valid here."),
    }
}

fn known(parts: &Parts) -> Result<Option<Arc<Caller>>, Problem> {
    match parts.extensions.get::<Verified>() {
        Some(Verified(outcome)) => outcome.clone().map_err(refused),
        None => Err(Problem::internal("a route outside the authentication middleware asks who calls")),
    }
}

fn somebody(parts: &Parts) -> Result<Caller, Problem> {
    let caller =
        known(parts)?.ok_or_else(|| Problem::unauthorized("This needs a session: send a bearer token."))?;
    Ok(Arc::unwrap_or_clone(caller))
}

fn with_role(parts: &Parts, role: Role, name: &str) -> Result<Caller, Problem> {
    let caller = somebody(parts)?;
    if caller.roles.contains(&role) {
        return Ok(caller);
    }
    Err(Problem::forbidden(format!("This is for {name}s.")))
}

impl FromRequestParts<ApiState> for Caller {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, Problem> {
        somebody(parts)
    }
}

/// The caller if there is one. A token that does not verify is refused, not ignored.
#[derive(Debug, Clone)]
pub struct MaybeCaller(pub Option<Caller>);

impl MaybeCaller {
    pub fn user(&self) -> Option<UserId> {
        self.0.as_ref().map(|c| c.user)
    }
}

impl FromRequestParts<ApiState> for MaybeCaller {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, Problem> {
        known(parts).map(|c| Self(c.map(Arc::unwrap_or_clone)))
    }
}

/// A caller with the moderator's role.
#[derive(Debug, Clone)]
pub struct Moderator(pub Caller);

impl FromRequestParts<ApiState> for Moderator {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, Problem> {
        with_role(parts, Role::Moderator, "moderator").map(Self)
    }
}

/// A caller with the operator's role.
#[derive(Debug, Clone)]
pub struct Operator(pub Caller);

impl FromRequestParts<ApiState> for Operator {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, Problem> {
        with_role(parts, Role::Operator, "operator").map(Self)
    }
}
