//! Refresh tokens: numbered, opaque, of which the store keeps only hashes.
//!
//! A token is `svr1_` and base64url of session ‖ generation ‖ secret ‖ mark. The *secret* is what
//! counts; the *mark* proves that we once gave this token, so that a spent token of any age is told
//! apart from noise: the first ends the family, the second does nothing. The next secret is derived
//! from the one before and a nonce in the record, so a retried rotation gets the same successor
//! although neither secret is stored.

use crate::policy::IdentityPolicy;
use crate::session::{Session, SessionId};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt;
use vocab::{DeviceId, Millis};

const PREFIX: &str = "svr1_";
const LENGTH: usize = 16 + 4 + 32 + 16;

#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    pub session: SessionId,
    pub generation: u32,
    pub secret: [u8; 32],
    pub mark: [u8; 16],
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefreshToken({} #{})", self.session, self.generation)
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Equal in a time that does not depend on where they differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0u8, |acc, (x, y)| acc | (x ^ y)) == 0
}

/// What the store keeps of a secret. Plain SHA-256: the secret has 256 random bits.
pub fn hash(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// The secret after `secret`.
pub fn successor(secret: &[u8; 32], nonce: &[u8; 32]) -> [u8; 32] {
    mac(secret, &[b"signal-video refresh successor", nonce])
}

impl RefreshToken {
    pub fn mint(session: SessionId, generation: u32, secret: [u8; 32], mark_key: &[u8; 32]) -> Self {
        let mark = Self::mark_of(session, generation, &secret, mark_key);
        Self { session, generation, secret, mark }
    }

    fn mark_of(session: SessionId, generation: u32, secret: &[u8; 32], mark_key: &[u8; 32]) -> [u8; 16] {
        let full = mac(mark_key, &[&session.0.to_be_bytes(), &generation.to_be_bytes(), secret]);
        let mut mark = [0; 16];
        mark.copy_from_slice(&full[..16]);
        mark
    }

    /// Whether this token was given by the session.
    pub fn was_given_by(&self, session: &Session) -> bool {
        let mark = Self::mark_of(session.id, self.generation, &self.secret, &session.mark_key);
        session.id == self.session && same(&mark, &self.mark)
    }

    pub fn to_text(&self) -> String {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.extend_from_slice(&self.session.0.to_be_bytes());
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        bytes.extend_from_slice(&self.secret);
        bytes.extend_from_slice(&self.mark);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    pub fn parse(text: &str) -> Option<Self> {
        let body = text.strip_prefix(PREFIX)?;
        if body.len() > LENGTH * 2 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(body).ok()?;
        let bytes: [u8; LENGTH] = bytes.try_into().ok()?;
        let part = |from: usize, to: usize| &bytes[from..to];
        Some(Self {
            session: SessionId(u128::from_be_bytes(part(0, 16).try_into().ok()?)),
            generation: u32::from_be_bytes(part(16, 20).try_into().ok()?),
            secret: part(20, 52).try_into().ok()?,
            mark: part(52, 68).try_into().ok()?,
        })
    }
}

/// What to do with a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is the live one: give the next.
    Rotate,
    /// It was the live one a moment ago: give the same successor again.
    Repeat,
    /// It was spent: somebody has a copy. End the family.
    Reused,
    /// Not ours, ended, or from another device. Change nothing.
    Refuse,
}

/// `device` is what the client says of itself; a retry must say it, to tell the owner's lost
/// reply from a copy that leaked without the device.
pub fn judge(
    session: &Session,
    token: &RefreshToken,
    device: Option<DeviceId>,
    now: Millis,
    policy: &IdentityPolicy,
) -> Answer {
    if !token.was_given_by(session) || device.is_some_and(|d| d != session.device) {
        return Answer::Refuse;
    }
    let secret_hash = hash(&token.secret);
    if token.generation == session.generation && same(&secret_hash, &session.secret_hash) {
        return if session.is_live(now) { Answer::Rotate } else { Answer::Refuse };
    }
    if !session.is_live(now) {
        return Answer::Refuse;
    }
    let just_before = token.generation.checked_add(1) == Some(session.generation)
        && session.previous_hash.is_some_and(|previous| same(&secret_hash, &previous));
    let in_grace = now.0.saturating_sub(session.seen_at.0) <= policy.rotation_grace.0;
    let may_repeat = session.retries < policy.rotation_retries_max && device.is_some();
    if just_before && in_grace && may_repeat { Answer::Repeat } else { Answer::Reused }
}
