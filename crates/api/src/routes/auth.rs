//! Coming in, staying in, going out; and the keys by which others recognise our tokens.

use crate::auth::{Caller, MaybeCaller};
use crate::body::{Json, Path};
use crate::dto::user::{DeviceList, Session};
use crate::ids::ClientIp;
use crate::problem::{Problem, Slug, whole_seconds};
use crate::state::ApiState;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use identity::claims::said_by;
use identity::{BadField, Credentials, IssueError, Origin, Registration, TokenError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use vocab::{DeviceId, UserId};

pub fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(guest))
        .routes(routes!(register))
        .routes(routes!(login))
        .routes(routes!(adopt))
        .routes(routes!(refresh))
        .routes(routes!(logout))
        .routes(routes!(operator))
        .routes(routes!(devices))
        .routes(routes!(revoke))
        .routes(routes!(discovery))
        .routes(routes!(jwks))
}

impl From<IssueError> for Problem {
    fn from(e: IssueError) -> Self {
        use IssueError as E;
        match e {
            E::BadFields(fields) => bad_fields(fields),
            E::WrongCredentials => Self::new(Slug::WrongCredentials, "The e-mail or the password is wrong."),
            E::EmailTaken => Self::new(Slug::EmailTaken, "This e-mail has an account. Sign in instead.")
                .and_field("email", "taken", "this e-mail has an account"),
            E::HandleTaken => Self::conflict("Somebody else has this handle.").and_field(
                "handle",
                "taken",
                "somebody else has this handle",
            ),
            E::TooMany { retry_after } => {
                let wait_s = whole_seconds(retry_after);
                Self::new(Slug::RateLimited, format!("Too many attempts. Try again in {wait_s} s."))
                    .retry_after_s(wait_s)
            }
            E::Refused => Self::unauthorized("This session has ended. Sign in again."),
            E::Reused => Self::new(
                Slug::RefreshReused,
                "This refresh token was used before, so somebody may have a copy. The session was ended; sign in again.",
            ),
            E::CodeRefused => Self::forbidden(
                "This operator link was used, has expired or is mistyped. Restart the server for a new one.",
            ),
            E::Elsewhere { issuer } => Self::conflict(format!(
                "Accounts of this house live at {issuer}. Sign in there and send its access token."
            ))
            .with("issuer", issuer),
            E::NotAllowed => Self::forbidden("This is not yours to do."),
            E::NoUser(_) => Self::not_found("There is no such person."),
            E::NoDevice => Self::not_found("You are not signed in on such a device."),
            E::Conflict => Self::conflict("This changed at the same time. Look again and repeat."),
            E::Fault(fault) => fault.into(),
        }
    }
}

fn bad_fields(fields: Vec<BadField>) -> Problem {
    let start = Problem::invalid("Some fields cannot be taken as they are.");
    fields.into_iter().fold(start, |problem, bad| problem.and_field(bad.field, bad.code, bad.message))
}

fn origin(ip: ClientIp, device: DeviceId, device_name: Option<String>) -> Origin {
    Origin { ip: Some(ip.0), device, device_name }
}

type SessionReply = Result<(StatusCode, Json<Session>), Problem>;

#[derive(Deserialize, ToSchema)]
pub struct GuestEntry {
    /// Made once by the client: 128 random bits, 26 characters of Crockford base32.
    #[schema(value_type = String, example = "3zyhf0v1jw8k6q2m5n7p9r4s1t")]
    pub device_id: DeviceId,
    /// For the list of devices.
    pub device_name: Option<String>,
}

/// Comes in without a form. Each call makes a new guest.
#[utoipa::path(post, path = "/v1/auth/guest", tag = "auth", operation_id = "auth_guest", request_body = GuestEntry,
    responses((status = 201, description = "A guest's session.", body = Session)))]
async fn guest(State(state): State<ApiState>, ip: ClientIp, Json(body): Json<GuestEntry>) -> SessionReply {
    let grant = state.issuer.guest(&origin(ip, body.device_id, body.device_name)).await?;
    Ok((StatusCode::CREATED, Json(grant.into())))
}

#[derive(Deserialize, ToSchema)]
pub struct NewAccount {
    #[schema(format = "email")]
    pub email: String,
    #[schema(format = "password", min_length = 10)]
    pub password: String,
    #[schema(max_length = 50)]
    pub display_name: String,
    #[schema(value_type = String)]
    pub device_id: DeviceId,
    pub device_name: Option<String>,
}

/// Makes an account. A guest who sends their token becomes the account and keeps everything.
#[utoipa::path(post, path = "/v1/auth/register", tag = "auth", operation_id = "auth_register", request_body = NewAccount,
    security((), ("bearer" = [])), responses(
        (status = 201, description = "The account's session.", body = Session),
        (status = 409, description = "The e-mail has an account."),
))]
async fn register(
    State(state): State<ApiState>,
    ip: ClientIp,
    MaybeCaller(caller): MaybeCaller,
    Json(body): Json<NewAccount>,
) -> SessionReply {
    let NewAccount { email, password, display_name, device_id, device_name } = body;
    let form = Registration { email, password, display_name };
    let origin = origin(ip, device_id, device_name);
    let grant = state.issuer.register(form, &origin, caller.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(grant.into())))
}

#[derive(Deserialize, ToSchema)]
pub struct SignIn {
    #[schema(format = "email")]
    pub email: String,
    #[schema(format = "password")]
    pub password: String,
    #[schema(value_type = String)]
    pub device_id: DeviceId,
    pub device_name: Option<String>,
}

/// Signs in. A guest who sends their token brings along likes, history and videos.
#[utoipa::path(post, path = "/v1/auth/login", tag = "auth", operation_id = "auth_login", request_body = SignIn,
    security((), ("bearer" = [])), responses(
        (status = 200, description = "The account's session.", body = Session),
        (status = 401, description = "Wrong e-mail or password; which is not said."),
        (status = 429, description = "Too many attempts."),
))]
async fn login(
    State(state): State<ApiState>,
    ip: ClientIp,
    MaybeCaller(caller): MaybeCaller,
    Json(body): Json<SignIn>,
) -> SessionReply {
    let SignIn { email, password, device_id, device_name } = body;
    let origin = origin(ip, device_id, device_name);
    let grant = state.issuer.login(Credentials { email, password }, &origin, caller.as_ref()).await?;
    Ok((StatusCode::OK, Json(grant.into())))
}

#[derive(Deserialize, ToSchema)]
pub struct Adoption {
    /// The guest's access token; refresh it first where it has expired.
    pub guest_token: String,
}

/// Whom the account took in.
#[derive(Serialize, ToSchema)]
pub struct Adopted {
    /// The guest: its videos, uploads, likes and history are the caller's now, and its sessions have ended.
    #[schema(value_type = String)]
    pub merged_from: UserId,
}

/// Brings a guest's likes, history and videos into the account that calls. For clients that signed in at an
/// outside issuer, where no request of ours sees guest and account together. May be repeated.
#[utoipa::path(post, path = "/v1/auth/adopt", tag = "auth", operation_id = "auth_adopt", request_body = Adoption,
    security(("bearer" = [])), responses(
        (status = 200, description = "It belongs to the caller, now or since before.", body = Adopted),
        (status = 409, description = "The caller is a guest, or somebody else took it in."),
        (status = 400, description = "Not a good token of a guest."),
))]
async fn adopt(
    State(state): State<ApiState>,
    caller: Caller,
    Json(body): Json<Adoption>,
) -> Result<Json<Adopted>, Problem> {
    if caller.guest {
        return Err(Problem::conflict("A guest takes nobody in. Sign in and send the account's token."));
    }
    let guest = match state.verifier.verify(&body.guest_token).await {
        Ok(guest) if guest.guest => guest,
        Ok(_) => return Err(bad_guest("not_a_guest", "this is no guest's token")),
        Err(TokenError::Ended) => return adopted_before(&state, &caller, &body.guest_token).await,
        Err(TokenError::Expired) => {
            return Err(bad_guest("expired", "the guest's token has expired: refresh it first"));
        }
        Err(TokenError::Invalid(why)) => {
            return Err(bad_guest("invalid", "the guest's token is not valid here").because(why));
        }
        Err(TokenError::Fault(fault)) => return Err(fault.into()),
    };
    match state.issuer.adopt(&caller, &guest).await? {
        Some(merged_from) => Ok(Json(Adopted { merged_from })),
        None => Err(Problem::conflict("This guest belongs to another account already.")),
    }
}

/// The reply to an earlier call was lost: that call ended the guest's sessions.
async fn adopted_before(state: &ApiState, caller: &Caller, token: &str) -> Result<Json<Adopted>, Problem> {
    let guest = said_by(token).filter(|said| said.guest).map(|said| said.user);
    match guest {
        Some(guest) if state.issuer.has_adopted(caller, guest).await? => {
            Ok(Json(Adopted { merged_from: guest }))
        }
        _ => Err(bad_guest("ended", "the guest's session has ended")),
    }
}

fn bad_guest(code: &str, message: &str) -> Problem {
    Problem::field("guest_token", code, message)
}

#[derive(Deserialize, ToSchema)]
pub struct Renewal {
    pub refresh_token: String,
    /// The session's device. A client that sends it may repeat a refresh whose reply was lost
    /// within 10 s; without it every repetition ends the session.
    #[schema(value_type = Option<String>)]
    pub device_id: Option<DeviceId>,
}

/// Spends a refresh token for the next pair. A spent one that comes back ends the session.
#[utoipa::path(post, path = "/v1/auth/refresh", tag = "auth", operation_id = "auth_refresh", request_body = Renewal,
    responses(
        (status = 200, description = "The next pair.", body = Session),
        (status = 401, description = "Not valid, or used before."),
))]
async fn refresh(State(state): State<ApiState>, Json(body): Json<Renewal>) -> SessionReply {
    let grant = state.issuer.refresh(&body.refresh_token, body.device_id).await?;
    Ok((StatusCode::OK, Json(grant.into())))
}

/// Ends the caller's session on this device.
#[utoipa::path(post, path = "/v1/auth/logout", tag = "auth", operation_id = "auth_logout", security(("bearer" = [])),
    responses((status = 204, description = "Signed out.")))]
async fn logout(State(state): State<ApiState>, caller: Caller) -> Result<StatusCode, Problem> {
    state.issuer.sign_out(&caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
pub struct OperatorEntry {
    /// From the link printed at the first start.
    pub code: String,
    #[schema(value_type = String)]
    pub device_id: DeviceId,
    pub device_name: Option<String>,
}

/// Spends the one-time operator code. The caller, or a new guest, becomes an operator.
#[utoipa::path(post, path = "/v1/auth/operator", tag = "auth", operation_id = "auth_operator", request_body = OperatorEntry,
    security((), ("bearer" = [])), responses(
        (status = 200, description = "An operator's session.", body = Session),
        (status = 403, description = "Used, expired or mistyped."),
))]
async fn operator(
    State(state): State<ApiState>,
    ip: ClientIp,
    MaybeCaller(caller): MaybeCaller,
    Json(body): Json<OperatorEntry>,
) -> SessionReply {
    let origin = origin(ip, body.device_id, body.device_name);
    let grant = state.issuer.redeem_operator_code(&body.code, &origin, caller.as_ref()).await?;
    Ok((StatusCode::OK, Json(grant.into())))
}

/// Where the caller is signed in, last seen first.
#[utoipa::path(get, path = "/v1/auth/devices", tag = "auth", operation_id = "auth_devices", security(("bearer" = [])),
    responses((status = 200, description = "The devices.", body = DeviceList)))]
async fn devices(State(state): State<ApiState>, caller: Caller) -> Result<Json<DeviceList>, Problem> {
    let devices = state.issuer.devices(&caller).await?;
    Ok(Json(DeviceList { items: devices.into_iter().map(Into::into).collect() }))
}

/// Signs the caller out on one of their devices.
#[utoipa::path(delete, path = "/v1/auth/devices/{device_id}", tag = "auth", operation_id = "auth_device_revoke",
    params(("device_id" = String, Path, description = "Device id.")), security(("bearer" = [])),
    responses((status = 204, description = "Signed out there.")))]
async fn revoke(
    State(state): State<ApiState>,
    caller: Caller,
    Path(device): Path<DeviceId>,
) -> Result<StatusCode, Problem> {
    state.issuer.revoke(&caller, device).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A document others may keep for a moment: shorter than a new key is published before it signs.
fn published(state: &ApiState, document: Value) -> Response {
    let keep_s = state.issuer.policy().key_publish_ahead.0 / 2_000;
    ([(header::CACHE_CONTROL, format!("public, max-age={keep_s}"))], Json(document)).into_response()
}

/// OpenID Connect Discovery.
#[utoipa::path(get, path = "/.well-known/openid-configuration", tag = "auth", operation_id = "auth_discovery",
    responses((status = 200, description = "The discovery document.", body = Value)))]
async fn discovery(State(state): State<ApiState>) -> Response {
    published(&state, state.issuer.discovery())
}

/// The public keys that verify access tokens (RFC 7517).
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "auth", operation_id = "auth_jwks",
    responses((status = 200, description = "The key set.", body = Value)))]
async fn jwks(State(state): State<ApiState>) -> Result<Response, Problem> {
    Ok(published(&state, state.issuer.jwks().await?))
}
