//! A session: one person signed in on one device, and the family of its refresh tokens.

use crate::port::SessionStoreError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use vocab::{DeviceId, Millis, UserId};

/// Random 128 bits, 32 hexadecimal characters in text. The `sid` claim of access tokens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u128);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({self})")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a session id: expected 32 lower-case hexadecimal characters")]
pub struct SessionIdError;

impl FromStr for SessionId {
    type Err = SessionIdError;
    fn from_str(text: &str) -> Result<Self, SessionIdError> {
        // `from_str_radix` also takes a sign and capitals; one id has one text.
        let plain = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !plain {
            return Err(SessionIdError);
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| SessionIdError)
    }
}

/// Why a session ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    SignedOut,
    /// Ended from another device of the same person.
    Revoked,
    /// A spent refresh token came back: somebody has a copy.
    Reused,
    /// The same person signed in again on the same device.
    Replaced,
}

impl Ended {
    const ALL: [Ended; 4] = [Self::SignedOut, Self::Revoked, Self::Reused, Self::Replaced];

    /// The stable word in rows.
    pub const fn word(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::Revoked => "revoked",
            Self::Reused => "reused",
            Self::Replaced => "replaced",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.word() == word)
    }
}

/// One sign-in. Its refresh tokens are one family: numbered generations, of which one is live.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub user: UserId,
    pub device: DeviceId,
    pub device_name: String,
    pub created_at: Millis,
    /// When the live refresh token was given.
    pub seen_at: Millis,
    /// The live refresh token ends here.
    pub expires_at: Millis,
    /// Number of the live refresh token, from 0.
    pub generation: u32,
    /// SHA-256 of the live refresh token's secret.
    pub secret_hash: [u8; 32],
    /// SHA-256 of the secret before it: a retried rotation presents that one.
    pub previous_hash: Option<[u8; 32]>,
    /// With the previous secret it gives the live one again; alone it gives nothing.
    pub nonce: [u8; 32],
    /// Proves that a refresh token was once ours, whatever its generation. Grants nothing.
    pub mark_key: [u8; 32],
    /// Times the last rotation was answered again.
    pub retries: u32,
    pub ended: Option<(Millis, Ended)>,
}

impl Session {
    pub fn is_live(&self, now: Millis) -> bool {
        self.ended.is_none() && now < self.expires_at
    }
}

/// What every engine does to a session it holds alone; an error leaves it as it was.
impl Session {
    /// The next generation, if the session still stands at the one it comes from.
    pub fn rotate(&mut self, to: &Rotation) -> Result<(), SessionStoreError> {
        self.must_stand_at(to.from_generation)?;
        self.generation += 1;
        self.previous_hash = Some(self.secret_hash);
        self.secret_hash = to.secret_hash;
        self.nonce = to.nonce;
        self.seen_at = to.at;
        self.expires_at = to.expires_at;
        self.retries = 0;
        Ok(())
    }

    /// One more answer to a rotation already made, if fewer than `max` were counted.
    pub fn count_retry(&mut self, generation: u32, max: u32) -> Result<(), SessionStoreError> {
        self.must_stand_at(generation)?;
        if self.retries >= max {
            return Err(self.stale());
        }
        self.retries += 1;
        Ok(())
    }

    fn must_stand_at(&self, generation: u32) -> Result<(), SessionStoreError> {
        if self.generation == generation && self.ended.is_none() { Ok(()) } else { Err(self.stale()) }
    }

    fn stale(&self) -> SessionStoreError {
        let ended = self.ended.map(|(_, why)| why);
        SessionStoreError::Stale { id: self.id, generation: self.generation, ended }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("user", &self.user)
            .field("generation", &self.generation)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// The next generation of a session's refresh token.
#[derive(Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The move happens only from this generation.
    pub from_generation: u32,
    pub secret_hash: [u8; 32],
    pub nonce: [u8; 32],
    pub at: Millis,
    pub expires_at: Millis,
}

/// A signed-in device, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    pub device: DeviceId,
    pub name: String,
    pub current: bool,
    pub created_at: Millis,
    pub seen_at: Millis,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_an_end_round_trip() {
        assert_eq!(Ended::ALL.map(Ended::word), ["signed_out", "revoked", "reused", "replaced"]);
        assert!(Ended::ALL.into_iter().all(|why| Ended::from_word(why.word()) == Some(why)));
        assert_eq!(Ended::from_word("expired"), None);
    }

    #[test]
    fn a_session_id_has_exactly_one_text() {
        let id = SessionId(0xab);
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "ab", "+00000000000000000000000000000ab", &id.to_string().to_uppercase()] {
            assert_eq!(bad.parse::<SessionId>(), Err(SessionIdError), "{bad}");
        }
    }
}
