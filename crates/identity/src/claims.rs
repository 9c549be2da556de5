//! What an access token says.

use crate::account::{Caller, Role, User};
use crate::keys::{ALGORITHM, StoredKey};
use crate::policy::IdentityPolicy;
use crate::session::Session;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Header;
use serde::{Deserialize, Serialize};
use stdx::Fault;
use vocab::Millis;

/// RFC 9068: the `typ` of an access token, so that no other JWT of ours passes for one.
pub const TOKEN_TYPE: &str = "at+jwt";
/// The `token_use` of an access token.
pub const TOKEN_USE: &str = "access";

/// Times in whole seconds (RFC 7519 `NumericDate`). `iss` and `aud` are single texts: a list is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    pub iss: String,
    pub aud: String,
    pub sub: String,
    pub exp: i64,
    pub nbf: i64,
    pub iat: i64,
    pub token_use: String,
    /// Session.
    pub sid: String,
    /// Device.
    pub did: String,
    #[serde(default)]
    pub guest: bool,
    #[serde(default)]
    pub roles: Vec<Role>,
    /// Revision of the user's record the roles were read from.
    #[serde(default)]
    pub rev: u64,
}

impl Claims {
    pub fn of(user: &User, session: &Session, now: Millis, policy: &IdentityPolicy) -> Self {
        let seconds = now.0.div_euclid(1_000);
        Self {
            iss: policy.issuer.clone(),
            aud: policy.audience.clone(),
            sub: user.id.to_string(),
            exp: seconds + policy.access_ttl.0 / 1_000,
            nbf: seconds,
            iat: seconds,
            token_use: TOKEN_USE.to_owned(),
            sid: session.id.to_string(),
            did: session.device.to_string(),
            guest: user.guest,
            roles: Role::normalised(&user.roles),
            rev: user.revision,
        }
    }

    /// The caller, when every id is one.
    pub fn caller(&self) -> Option<Caller> {
        Some(Caller {
            user: self.sub.parse().ok()?,
            guest: self.guest,
            roles: Role::normalised(&self.roles),
            device: self.did.parse().ok()?,
            session: self.sid.parse().ok()?,
            expires_at: Millis(self.exp.checked_mul(1_000)?),
        })
    }
}

/// What a token says, unverified: only of one that a verifier has just called ended, which it says of good
/// signatures alone.
pub fn said_by(token: &str) -> Option<Caller> {
    let body = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Claims>(&body).ok()?.caller()
}

/// The signed access token.
pub fn sign(claims: &Claims, key: &StoredKey) -> Result<String, Fault> {
    let mut header = Header::new(ALGORITHM);
    header.typ = Some(TOKEN_TYPE.to_owned());
    header.kid = Some(key.kid.clone());
    jsonwebtoken::encode(&header, claims, &key.encoding_key()).map_err(Fault::internal)
}
