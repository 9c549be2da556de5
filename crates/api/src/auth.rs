//! Who calls. A bearer token is verified once a request; handlers name the role they need.

use crate::problem::{Problem, Slug};
use crate::state::ApiState;
use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, header};
pub use identity::{Caller, Role};
use identity::{TokenError, TokenVerifier};
use std::sync::Arc;
use vocab::UserId;

/// The verdict on the request's token, left in its extensions by the middleware.
#[derive(Debug, Clone)]
pub(crate) struct Verified(pub Result<Option<Arc<Caller>>, Problem>);

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, TokenError> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let text = value.to_str().map_err(|_| TokenError::Invalid("header"))?;
    let (scheme, token) = text.split_once(' ').ok_or(TokenError::Invalid("scheme"))?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(TokenError::Invalid("scheme"));
    }
    Ok(Some(token.trim()))
}

pub(crate) async fn verify(headers: &HeaderMap, verifier: &dyn TokenVerifier) -> Verified {
    let outcome = match bearer(headers) {
        Ok(None) => Ok(None),
        Ok(Some(token)) => verifier.verify(token).await.map(|c| Some(Arc::new(c))),
        Err(refusal) => Err(refusal),
    };
    Verified(outcome.map_err(Problem::from))
}

impl From<TokenError> for Problem {
    fn from(e: TokenError) -> Self {
        match e {
            TokenError::Expired => Self::new(Slug::TokenExpired, "Refresh the session and try again."),
            TokenError::Invalid(why) => {
                Self::unauthorized("The access token is not valid here.").because(why)
            }
            TokenError::Ended => Self::unauthorized("This session has ended. Sign in again."),
            TokenError::Fault(fault) => fault.into(),
        }
    }
}

fn known(parts: &Parts) -> Result<Option<Arc<Caller>>, Problem> {
    match parts.extensions.get::<Verified>() {
        Some(Verified(outcome)) => outcome.clone(),
        None => Err(Problem::internal("a route outside the authentication middleware asks who calls")),
    }
}

fn somebody(parts: &Parts) -> Result<Caller, Problem> {
    let caller =
        known(parts)?.ok_or_else(|| Problem::unauthorized("This needs a session: send a bearer token."))?;
    Ok(Arc::unwrap_or_clone(caller))
}

fn allowed(parts: &Parts, may: fn(&Caller) -> bool, name: &str) -> Result<Caller, Problem> {
    let caller = somebody(parts)?;
    if may(&caller) { Ok(caller) } else { Err(Problem::forbidden(format!("This is for {name}s."))) }
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

/// A caller who may judge: moderators, and operators too.
#[derive(Debug, Clone)]
pub struct Moderator(pub Caller);

impl FromRequestParts<ApiState> for Moderator {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, Problem> {
        allowed(parts, Caller::is_moderator, "moderator").map(Self)
    }
}

/// A caller with the operator's role.
#[derive(Debug, Clone)]
pub struct Operator(pub Caller);

impl FromRequestParts<ApiState> for Operator {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, Problem> {
        allowed(parts, Caller::is_operator, "operator").map(Self)
    }
}
