//! One-time tickets: a browser cannot send a header with a WebSocket or a media element, so it
//! buys a ticket with its token and shows that. A ticket is 128 random bits, lives for seconds,
//! opens one door once and is bound to whoever bought it.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use stdx::{Clock, Entropy};
use vocab::Millis;

/// Tickets bound to a bearer `B`; at most so many wait at once, the oldest give way.
pub struct Tickets<B> {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    life: Millis,
    len_max: usize,
    len_max_each: usize,
    waiting: Mutex<Waiting<B>>,
}

struct Waiting<B> {
    by_secret: HashMap<u128, (B, Millis)>,
    /// In the order of their issue, which is the order of their expiry.
    oldest_first: VecDeque<u128>,
}

impl<B: Clone + Eq + Hash> Tickets<B> {
    pub fn new(
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        life: Millis,
        len_max: (usize, usize),
    ) -> Self {
        let waiting = Waiting { by_secret: HashMap::new(), oldest_first: VecDeque::new() };
        Self {
            clock,
            entropy,
            life,
            len_max: len_max.0,
            len_max_each: len_max.1,
            waiting: Mutex::new(waiting),
        }
    }

    /// A new ticket, as 32 hex digits.
    pub fn issue(&self, bearer: B) -> String {
        let (now, secret) = (self.clock.now(), self.entropy.u128());
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.forget_expired(now);
        while waiting.by_secret.len() >= self.len_max.max(1) {
            waiting.forget_oldest(|_| true);
        }
        while waiting.by_secret.values().filter(|(b, _)| *b == bearer).count() >= self.len_max_each.max(1) {
            waiting.forget_oldest(|b| *b == bearer);
        }
        waiting.by_secret.insert(secret, (bearer, now.saturating_add(self.life)));
        waiting.oldest_first.push_back(secret);
        format!("{secret:032x}")
    }

    /// Whose ticket it is; it cannot be shown again.
    pub fn redeem(&self, ticket: &str) -> Option<B> {
        if ticket.len() != 32 || !ticket.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let secret = u128::from_str_radix(ticket, 16).ok()?;
        let now = self.clock.now();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (bearer, until) = waiting.by_secret.remove(&secret)?;
        (now < until).then_some(bearer)
    }

    pub fn life(&self) -> Millis {
        self.life
    }
}

impl<B> Waiting<B> {
    fn forget_expired(&mut self, now: Millis) {
        while let Some(secret) = self.oldest_first.front() {
            match self.by_secret.get(secret) {
                Some((_, until)) if now < *until => break,
                _ => {
                    self.by_secret.remove(secret);
                    self.oldest_first.pop_front();
                }
            }
        }
    }

    fn forget_oldest(&mut self, which: impl Fn(&B) -> bool) {
        let found =
            self.oldest_first.iter().position(|s| self.by_secret.get(s).is_none_or(|(b, _)| which(b)));
        match found.and_then(|at| self.oldest_first.remove(at)) {
            Some(secret) => drop(self.by_secret.remove(&secret)),
            // Every ticket stands in the order; nothing left there means nothing left at all.
            None => self.by_secret.clear(),
        }
    }
}
