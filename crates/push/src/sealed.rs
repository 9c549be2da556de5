//! Tickets that another process of the same house redeems: who and until when, under a keyed check.
//!
//! A process that has seen one refuses it from then on; another process would take it once more within
//! its seconds. Whoever can show a ticket was given it, and it opens nothing but its bearer's own line.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use stdx::{Clock, Entropy};
use vocab::{Millis, UserId};

/// Bytes of the check that travel.
const CHECK_BYTES: usize = 16;
/// End, bearer and a number of its own.
const BODY_BYTES: usize = 24;

pub(crate) struct SealedTickets {
    key: [u8; 32],
    life: Millis,
    /// Spent ones are remembered until they would have ended; at most so many.
    spent_max: usize,
    spent: Mutex<BTreeSet<(i64, u64)>>,
}

impl SealedTickets {
    pub(crate) fn new(key: [u8; 32], life: Millis, spent_max: usize) -> Self {
        Self { key, life, spent_max, spent: Mutex::default() }
    }

    pub(crate) fn issue(&self, user: UserId, clock: &Arc<dyn Clock>, entropy: &dyn Entropy) -> String {
        let ends_at = clock.now().saturating_add(self.life);
        let mut body = Vec::with_capacity(BODY_BYTES + CHECK_BYTES);
        body.extend_from_slice(&ends_at.get().to_be_bytes());
        body.extend_from_slice(&user.0.to_be_bytes());
        body.extend_from_slice(&entropy.u64().to_be_bytes());
        let check = self.check(&body).finalize().into_bytes();
        body.extend_from_slice(&check[..CHECK_BYTES]);
        body.iter().map(|b| format!("{b:02x}")).collect()
    }

    pub(crate) fn redeem(&self, ticket: &str, now: Millis) -> Option<UserId> {
        let bytes = unhex(ticket)?;
        let (body, check) = bytes.split_at_checked(BODY_BYTES)?;
        self.check(body).verify_truncated_left(check).ok()?;
        let number = |at: usize| body.get(at..at + 8)?.try_into().ok().map(u64::from_be_bytes);
        let (ends_at, user, own) = (number(0)?.cast_signed(), number(8)?, number(16)?);
        if Millis(ends_at) <= now {
            return None;
        }
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        *spent = spent.split_off(&(now.get(), 0));
        if spent.len() >= self.spent_max {
            // More tickets than anybody may have: nobody comes in until the oldest have ended.
            return None;
        }
        spent.insert((ends_at, own)).then_some(UserId(user))
    }

    fn check(&self, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("a key of any length will do");
        mac.update(b"push.ticket");
        mac.update(body);
        mac
    }
}

/// Lower-case digits of exactly one ticket.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    if text.len() != 2 * (BODY_BYTES + CHECK_BYTES) {
        return None;
    }
    text.as_bytes().chunks(2).map(|two| Some(digit(two[0])? << 4 | digit(two[1])?)).collect()
}
