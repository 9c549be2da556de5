//! Rate limits: token buckets keyed by route class and by who asks, in a bounded map.

use crate::problem::{Problem, Slug};
use http::Method;
use quick_cache::sync::Cache;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use vocab::{Millis, UserId};

/// Routes that share a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RouteClass {
    /// Signing in and up: what a password guesser would call.
    Auth,
    /// Starting uploads and signing parts.
    Upload,
    Feed,
    Events,
    Read,
    Write,
}

impl RouteClass {
    /// The class of a request under `/v1`, or of a seed alias.
    pub fn of(method: &Method, path: &str) -> Self {
        let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        let under =
            |prefix: &str| path.strip_prefix(prefix).is_some_and(|r| r.is_empty() || r.starts_with('/'));
        if under("/v1/auth") && !reads {
            Self::Auth
        } else if under("/v1/events") || under("/event") {
            Self::Events
        } else if under("/v1/feed") || under("/feed") {
            Self::Feed
        } else if (under("/v1/uploads") || under("/upload")) && !reads {
            Self::Upload
        } else if reads {
            Self::Read
        } else {
            Self::Write
        }
    }
}

/// A bucket: `burst` at once, `per_minute` in the long run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub burst: u32,
    pub per_minute: u32,
}

impl Rate {
    pub const fn new(burst: u32, per_minute: u32) -> Self {
        Self { burst, per_minute }
    }
}

/// Limits of a class for one user, and for one address (all its users together).
#[derive(Debug, Clone)]
pub struct RateLimits {
    pub auth: (Rate, Rate),
    pub upload: (Rate, Rate),
    pub feed: (Rate, Rate),
    pub events: (Rate, Rate),
    pub read: (Rate, Rate),
    pub write: (Rate, Rate),
    /// Whether requests from this machine are spared the limits by address.
    pub spare_loopback: bool,
    pub buckets_max: usize,
}

impl RateLimits {
    /// No limit bites: for benchmarks, and for houses with a limiter of their own in front.
    pub fn boundless() -> Self {
        let wide = Rate::new(u32::MAX / 2, u32::MAX / 2);
        let both = (wide, wide);
        Self {
            auth: both,
            upload: both,
            feed: both,
            events: both,
            read: both,
            write: both,
            ..Self::default()
        }
    }
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            auth: (Rate::new(30, 60), Rate::new(30, 60)),
            upload: (Rate::new(120, 600), Rate::new(240, 1_200)),
            feed: (Rate::new(120, 1_200), Rate::new(600, 6_000)),
            events: (Rate::new(120, 1_200), Rate::new(600, 6_000)),
            read: (Rate::new(300, 3_000), Rate::new(1_200, 12_000)),
            write: (Rate::new(60, 300), Rate::new(240, 1_200)),
            spare_loopback: true,
            buckets_max: 50_000,
        }
    }
}

impl RateLimits {
    fn of(&self, class: RouteClass) -> (Rate, Rate) {
        match class {
            RouteClass::Auth => self.auth,
            RouteClass::Upload => self.upload,
            RouteClass::Feed => self.feed,
            RouteClass::Events => self.events,
            RouteClass::Read => self.read,
            RouteClass::Write => self.write,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Who {
    User(UserId),
    Ip(IpAddr),
}

/// Thousandths of a request, so that refills need no fractions.
#[derive(Debug)]
struct Bucket {
    milli: u64,
    at: Millis,
}

impl Bucket {
    /// Takes one request out, or says after how many seconds one will be there.
    fn take(&mut self, rate: Rate, now: Millis) -> Result<(), u32> {
        let full = u64::from(rate.burst) * 1000;
        let since = now.saturating_sub(self.at).0.clamp(0, 3_600_000) as u64;
        // per_minute requests a minute = per_minute · 1000 thousandths in 60,000 ms
        let gained = since * u64::from(rate.per_minute) / 60;
        if gained > 0 || self.milli >= full {
            self.at = now;
        }
        self.milli = self.milli.saturating_add(gained).min(full);
        if self.milli >= 1000 {
            self.milli -= 1000;
            return Ok(());
        }
        let missing_ms = (1000 - self.milli) * 60 / u64::from(rate.per_minute.max(1));
        Err(u32::try_from(missing_ms.div_ceil(1000)).unwrap_or(u32::MAX).max(1))
    }
}

/// The buckets of everybody who asked lately. When full, the longest unused go first.
pub struct RateLimiter {
    limits: RateLimits,
    buckets: Cache<(RouteClass, Who), Arc<Mutex<Bucket>>>,
}

impl std::fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RateLimiter").field("buckets", &self.buckets.len()).finish_non_exhaustive()
    }
}

impl RateLimiter {
    pub fn new(limits: RateLimits) -> Self {
        let buckets = Cache::new(limits.buckets_max);
        Self { limits, buckets }
    }

    /// Counts one request of `user` (when known) from `ip`.
    pub fn admit(
        &self,
        class: RouteClass,
        user: Option<UserId>,
        ip: IpAddr,
        now: Millis,
    ) -> Result<(), Problem> {
        let (per_user, per_ip) = self.limits.of(class);
        if let Some(user) = user {
            self.charge((class, Who::User(user)), per_user, now)?;
        }
        // A guesser on this machine still meets the issuer's limits by e-mail and session.
        let spared = self.limits.spare_loopback && ip.is_loopback();
        if spared { Ok(()) } else { self.charge((class, Who::Ip(ip)), per_ip, now) }
    }

    fn charge(&self, key: (RouteClass, Who), rate: Rate, now: Millis) -> Result<(), Problem> {
        let fresh = || {
            let full = u64::from(rate.burst) * 1000;
            Ok::<_, std::convert::Infallible>(Arc::new(Mutex::new(Bucket { milli: full, at: now })))
        };
        let Ok(bucket) = self.buckets.get_or_insert_with(&key, fresh);
        let taken = bucket.lock().unwrap_or_else(PoisonError::into_inner).take(rate, now);
        taken.map_err(|wait_s| {
            Problem::new(Slug::RateLimited, format!("Too many requests. Try again in {wait_s} s."))
                .retry_after_s(wait_s)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const FAR: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));

    fn limiter() -> RateLimiter {
        RateLimiter::new(RateLimits { write: (Rate::new(2, 60), Rate::new(3, 60)), ..RateLimits::default() })
    }

    #[test]
    fn a_burst_passes_then_the_rate_holds() {
        let l = limiter();
        let me = Some(UserId(1));
        let ask = |ms| l.admit(RouteClass::Write, me, FAR, Millis(ms)).is_ok();
        assert_eq!([ask(0), ask(0), ask(0)], [true, true, false]);
        assert_eq!([ask(999), ask(1_000), ask(1_000)], [false, true, false]);
    }

    #[test]
    fn an_address_is_limited_whoever_calls() {
        let l = limiter();
        let ask = |n| l.admit(RouteClass::Write, Some(UserId(n)), FAR, Millis(0)).is_ok();
        assert_eq!([ask(1), ask(2), ask(3), ask(4)], [true, true, true, false]);
    }

    #[test]
    fn this_machine_is_spared_where_that_is_wanted() {
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let all =
            |l: RateLimiter| (0..5_000).all(|_| l.admit(RouteClass::Auth, None, here, Millis(0)).is_ok());
        assert!(all(RateLimiter::new(RateLimits::default())));
        assert!(!all(RateLimiter::new(RateLimits { spare_loopback: false, ..RateLimits::default() })));
    }

    #[test]
    fn a_clock_that_jumps_back_gives_nothing_away() {
        let mut b = Bucket { milli: 0, at: Millis(1_000_000) };
        assert!(b.take(Rate::new(1, 1), Millis(0)).is_err());
    }

    #[test]
    fn the_map_of_buckets_is_bounded() {
        let l = RateLimiter::new(RateLimits { buckets_max: 100, ..RateLimits::default() });
        for n in 0..10_000 {
            let _ = l.admit(RouteClass::Read, Some(UserId(n)), FAR, Millis(0));
        }
        assert!(l.buckets.len() <= 110, "{}", l.buckets.len());
    }

    #[test]
    fn routes_fall_into_their_class() {
        for (method, path, class) in [
            (Method::POST, "/v1/auth/login", RouteClass::Auth),
            (Method::GET, "/v1/auth/devices", RouteClass::Read),
            (Method::POST, "/v1/events", RouteClass::Events),
            (Method::POST, "/event", RouteClass::Events),
            (Method::GET, "/feed", RouteClass::Feed),
            (Method::POST, "/upload/presign", RouteClass::Upload),
            (Method::GET, "/v1/uploads/x", RouteClass::Read),
            (Method::PUT, "/v1/videos/x/like", RouteClass::Write),
        ] {
            assert_eq!(RouteClass::of(&method, path), class, "{method} {path}");
        }
    }
}
