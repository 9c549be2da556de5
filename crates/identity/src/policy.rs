//! Every number of identity.

use crate::keyring::KeyringPolicy;
use vocab::Millis;

/// Argon2id cost, OWASP Password Storage Cheat Sheet: m = 19 MiB, t = 2, p = 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashPolicy {
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
    /// Hashes at the same time: each holds `memory_kib` and a core.
    pub concurrency: usize,
    /// Hashes that may wait; one more is refused as throttled.
    pub queue: usize,
}

impl Default for HashPolicy {
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2, lanes: 1, concurrency: 2, queue: 64 }
    }
}

/// So many in a window, then a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub count: u32,
    pub window: Millis,
}

/// Who may knock how often. A count is kept per process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptPolicy {
    /// Sign-ins for one e-mail from one address; a success clears it.
    pub login_email_ip: Limit,
    /// Sign-ins for one e-mail from anywhere: slows a distributed guesser, high enough
    /// that a stranger cannot easily lock the owner out.
    pub login_email: Limit,
    pub login_ip: Limit,
    pub register_ip: Limit,
    pub guest_ip: Limit,
    pub refresh_session: Limit,
    pub operator_ip: Limit,
    /// Loopback is the laptop itself: its address says nothing about who knocks, so
    /// limits by address alone do not count it.
    pub exempt_loopback: bool,
    /// Keys remembered; the oldest are forgotten first.
    pub keys_max: usize,
}

impl Default for AttemptPolicy {
    fn default() -> Self {
        let minutes = |n: i64| Millis(n * 60_000);
        Self {
            login_email_ip: Limit { count: 10, window: minutes(15) },
            login_email: Limit { count: 100, window: minutes(15) },
            login_ip: Limit { count: 60, window: minutes(15) },
            register_ip: Limit { count: 20, window: minutes(60) },
            guest_ip: Limit { count: 60, window: minutes(10) },
            refresh_session: Limit { count: 30, window: minutes(5) },
            operator_ip: Limit { count: 10, window: minutes(15) },
            exempt_loopback: true,
            keys_max: 50_000,
        }
    }
}

/// Shapes of what people type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextPolicy {
    pub password_chars_min: usize,
    /// Bounds the work of one hash.
    pub password_bytes_max: usize,
    pub email_bytes_max: usize,
    pub display_name_chars_max: usize,
    pub handle_chars_min: usize,
    pub handle_chars_max: usize,
    pub bio_chars_max: usize,
    pub device_name_chars_max: usize,
}

impl Default for TextPolicy {
    fn default() -> Self {
        Self {
            password_chars_min: 10,
            password_bytes_max: 1_024,
            email_bytes_max: 254,
            display_name_chars_max: 50,
            handle_chars_min: 3,
            handle_chars_max: 24,
            bio_chars_max: 300,
            device_name_chars_max: 80,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityPolicy {
    /// `iss` of every token; the public base URL.
    pub issuer: String,
    /// `aud` of every token.
    pub audience: String,
    pub access_ttl: Millis,
    pub refresh_ttl: Millis,
    /// How long after a rotation the spent token is answered with the same successor:
    /// a reply lost on a phone network, or two tabs refreshing at once.
    pub rotation_grace: Millis,
    /// Times one rotation may be answered again within the grace.
    pub rotation_retries_max: u32,
    /// Clock skew allowed to `exp` and `nbf`.
    pub leeway: Millis,
    /// A new signing key stands in the JWKS this long before it signs.
    pub key_publish_ahead: Millis,
    /// One-time operator code: 160 random bits.
    pub operator_code_bytes: usize,
    pub operator_code_ttl: Millis,
    /// Live sessions of one person; the oldest end first.
    pub sessions_per_user_max: usize,
    /// How often what is long over is forgotten.
    pub housekeep_every: Millis,
    /// Accounts are made and signed in to at this outside issuer; only guests enter here.
    pub accounts_at: Option<String>,
    /// Ids in one batch of profiles.
    pub profiles_max: usize,
    pub search_max: usize,
    pub hash: HashPolicy,
    pub attempts: AttemptPolicy,
    pub text: TextPolicy,
}

impl Default for IdentityPolicy {
    fn default() -> Self {
        Self {
            issuer: "http://127.0.0.1:8080".to_owned(),
            audience: "signal-video".to_owned(),
            access_ttl: Millis(10 * 60_000),
            refresh_ttl: Millis(30 * 24 * 3_600_000),
            rotation_grace: Millis(10_000),
            rotation_retries_max: 5,
            leeway: Millis(60_000),
            key_publish_ahead: Millis(30_000),
            operator_code_bytes: 20,
            operator_code_ttl: Millis(7 * 24 * 3_600_000),
            sessions_per_user_max: 20,
            accounts_at: None,
            housekeep_every: Millis(3_600_000),
            profiles_max: 200,
            search_max: 100,
            hash: HashPolicy::default(),
            attempts: AttemptPolicy::default(),
            text: TextPolicy::default(),
        }
    }
}

/// What a verifier accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierPolicy {
    pub issuer: String,
    pub audience: String,
    pub leeway: Millis,
    /// A longer text is no token of ours: refused before any work.
    pub token_bytes_max: usize,
    /// A document older than this is fetched again, so that a withdrawn key goes away.
    pub jwks_age_max: Millis,
    /// Shortest time between two fetches: unknown key ids cannot hammer the source.
    pub jwks_refresh_min: Millis,
    /// Keys older than this count no more, though the source be away.
    pub jwks_stale_max: Millis,
    pub jwks_keys_max: usize,
}

impl Default for VerifierPolicy {
    fn default() -> Self {
        Self::of(&IdentityPolicy::default())
    }
}

impl VerifierPolicy {
    /// The verifier that belongs to an issuer.
    pub fn of(issuer: &IdentityPolicy) -> Self {
        Self {
            issuer: issuer.issuer.clone(),
            audience: issuer.audience.clone(),
            leeway: issuer.leeway,
            token_bytes_max: 4_096,
            jwks_age_max: Millis(5 * 60_000),
            jwks_refresh_min: Millis(10_000),
            jwks_stale_max: Millis(24 * 3_600_000),
            jwks_keys_max: 32,
        }
    }

    pub(crate) fn keyring(&self) -> KeyringPolicy {
        KeyringPolicy {
            age_max: self.jwks_age_max,
            refresh_min: self.jwks_refresh_min,
            stale_max: self.jwks_stale_max,
            keys_max: self.jwks_keys_max,
        }
    }
}

/// How processes learn from each other what stopped counting before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevocationPolicy {
    /// Between two looks at the shared list: a sign-out in one process holds in every other within this and
    /// the time of one read.
    pub poll: Millis,
    /// Clocks of processes may be this far apart, and a read may miss what was written so lately.
    pub overlap: Millis,
    /// How far back a process that starts looks: no access token lives longer.
    pub horizon: Millis,
    /// Read at a time.
    pub page: usize,
}

impl Default for RevocationPolicy {
    fn default() -> Self {
        Self { poll: Millis(2_000), overlap: Millis(60_000), horizon: Millis(25 * 3_600_000), page: 1_000 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_tokens_live_at_most_fifteen_minutes() {
        let quoted = "access token ≤ 15 min";
        assert!(IdentityPolicy::default().access_ttl <= Millis(15 * 60_000), "{quoted}");
        assert_eq!(IdentityPolicy::default().access_ttl, Millis(600_000));
        assert_eq!(IdentityPolicy::default().refresh_ttl, Millis(2_592_000_000), "30 days");
        assert_eq!(IdentityPolicy::default().leeway, Millis(60_000));
    }

    #[test]
    fn passwords_cost_what_owasp_asks() {
        let quoted = "argon2id m=19456, t=2, p=1; password ≥ 10 characters";
        let hash = HashPolicy::default();
        assert_eq!((hash.memory_kib, hash.passes, hash.lanes), (19_456, 2, 1), "{quoted}");
        assert_eq!(TextPolicy::default().password_chars_min, 10, "{quoted}");
    }

    #[test]
    fn a_new_key_is_known_to_verifiers_before_it_signs() {
        let identity = IdentityPolicy::default();
        assert!(identity.key_publish_ahead > VerifierPolicy::of(&identity).jwks_refresh_min);
    }
}
