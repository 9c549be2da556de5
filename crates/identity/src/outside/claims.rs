//! What an outside issuer's access token says, and whether it is said to us.

use super::policy::OutsidePolicy;
use crate::account::Role;
use crate::session::SessionId;
use crate::verifier::TokenError;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use vocab::{DeviceId, Millis};

/// Longest `sub` (OpenID Connect Core 1.0, section 2).
const SUBJECT_CHARS_MAX: usize = 255;

/// Claims of id tokens that no access token has (OpenID Connect Core 1.0, sections 2 and 3.1.3.6).
const ID_TOKEN_CLAIMS: [&str; 3] = ["nonce", "at_hash", "c_hash"];

pub struct OutsideClaims(Map<String, Value>);

/// What is left of the claims once they are believed.
pub struct Believed {
    pub subject: String,
    pub name: Option<String>,
    /// `None` = the token does not say: they are given here.
    pub roles: Option<Vec<Role>>,
    pub session: SessionId,
    pub device: DeviceId,
    pub expires_at: Millis,
}

fn invalid<T>(why: &'static str) -> Result<T, TokenError> {
    Err(TokenError::Invalid(why))
}

impl OutsideClaims {
    pub fn new(claims: Map<String, Value>) -> Self {
        Self(claims)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// RFC 7519 `NumericDate`: seconds, perhaps with a fraction.
    fn seconds(&self, name: &'static str) -> Result<Option<i64>, TokenError> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let whole = value.as_i64().or_else(|| {
            let seconds = value.as_f64().filter(|s| s.abs() < 1e12)?;
            Some(seconds.floor() as i64)
        });
        whole.filter(|s| s.unsigned_abs() < 1_000_000_000_000).map(Some).ok_or(TokenError::Invalid("times"))
    }

    pub fn believe(&self, policy: &OutsidePolicy, now: Millis) -> Result<Believed, TokenError> {
        if self.text("iss") != Some(policy.issuer.as_str()) {
            return invalid("issuer");
        }
        self.is_for_us(policy)?;
        let expires_at = self.in_time(policy, now)?;
        let subject = self.text("sub").unwrap_or_default();
        if subject.is_empty() || subject.chars().count() > SUBJECT_CHARS_MAX {
            return invalid("subject");
        }
        let name = ["name", "preferred_username"].iter().find_map(|n| self.text(n));
        let (session, device) = self.session(policy, subject);
        Ok(Believed {
            subject: subject.to_owned(),
            name: name.map(str::to_owned),
            roles: policy.groups_claim.as_deref().map(|claim| self.roles(claim, policy)),
            session,
            device,
            expires_at,
        })
    }

    fn is_for_us(&self, policy: &OutsidePolicy) -> Result<(), TokenError> {
        if let Some(wanted) = &policy.token_use {
            if self.text("token_use") != Some(wanted.as_str()) {
                return invalid("use");
            }
        } else if self.0.get("token_use").is_some_and(|u| u.as_str() != Some("access")) {
            return invalid("use");
        }
        if ID_TOKEN_CLAIMS.iter().any(|claim| self.0.contains_key(*claim)) {
            return invalid("an id token is no access token");
        }
        if let Some(ours) = &policy.audience {
            let named = match self.0.get("aud") {
                Some(Value::String(one)) => one == ours,
                Some(Value::Array(all)) => all.iter().any(|one| one.as_str() == Some(ours.as_str())),
                _ => false,
            };
            if !named {
                return invalid("audience");
            }
        }
        let client = self.text("client_id").or_else(|| self.text("azp")).unwrap_or_default();
        if !policy.client_ids.is_empty() && !policy.client_ids.iter().any(|known| known == client) {
            return invalid("client");
        }
        Ok(())
    }

    fn in_time(&self, policy: &OutsidePolicy, now: Millis) -> Result<Millis, TokenError> {
        let (now, leeway) = (now.0.div_euclid(1_000), policy.leeway.0 / 1_000);
        let Some(exp) = self.seconds("exp")? else { return invalid("times") };
        let begins = [self.seconds("nbf")?, self.seconds("iat")?];
        if begins.iter().flatten().any(|at| *at > now + leeway) {
            return invalid("not valid yet");
        }
        if exp + leeway <= now {
            return Err(TokenError::Expired);
        }
        // Counted from its birth where it tells it; one that does not must end soon.
        let born = begins[1].unwrap_or(now);
        if exp - born > policy.token_life_max.0 / 1_000 {
            return invalid("lives too long");
        }
        Ok(Millis(exp * 1_000))
    }

    fn roles(&self, claim: &str, policy: &OutsidePolicy) -> Vec<Role> {
        let found = match claim.strip_prefix('/') {
            Some(path) => {
                let mut steps = path.split('/');
                let first = steps.next().and_then(|step| self.0.get(step));
                steps.fold(first, |value, step| value.and_then(|v| v.get(step)))
            }
            None => self.0.get(claim),
        };
        let groups: Vec<&str> = match found {
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(text)) => text.split_whitespace().collect(),
            _ => Vec::new(),
        };
        let roles = policy.roles.iter().filter(|(group, _)| groups.contains(&group.as_str()));
        Role::normalised(&roles.map(|(_, role)| *role).collect::<Vec<_>>())
    }

    /// Ids of ours for the issuer's sign-in: the same for every access token of it where the issuer names
    /// it (`origin_jti` of Cognito, `sid`), else one a token. Names of the issuer never reach our ids.
    fn session(&self, policy: &OutsidePolicy, subject: &str) -> (SessionId, DeviceId) {
        let sign_in = ["origin_jti", "sid", "jti"].iter().find_map(|name| self.text(name));
        let times = ["auth_time", "iat", "exp"].iter().find_map(|name| self.0.get(*name));
        let sign_in = match sign_in {
            Some(text) => text.to_owned(),
            None => times.map(Value::to_string).unwrap_or_default(),
        };
        let id = |what: &str| {
            let mut hash = Sha256::new();
            for part in [what, &policy.issuer, subject, &sign_in] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part.as_bytes());
            }
            let digest: [u8; 32] = hash.finalize().into();
            digest[..16].iter().fold(0u128, |id, byte| id << 8 | u128::from(*byte))
        };
        (SessionId(id("signal-video outside session")), DeviceId(id("signal-video outside device")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: Millis = Millis(1_767_225_600_000);
    const SECOND: i64 = 1_767_225_600;

    fn policy() -> OutsidePolicy {
        OutsidePolicy {
            groups_claim: Some("groups".into()),
            ..OutsidePolicy::of("https://id.example", "signal-api")
        }
    }

    fn good() -> Value {
        json!({
            "iss": "https://id.example", "sub": "ada", "aud": ["other", "signal-api"], "exp": SECOND + 600,
            "iat": SECOND, "sid": "s1", "name": "Ada", "groups": ["operator", "strangers"],
        })
    }

    fn judged(claims: Value, policy: &OutsidePolicy) -> Result<Believed, TokenError> {
        OutsideClaims::new(claims.as_object().unwrap().clone()).believe(policy, NOW)
    }

    fn with(field: &str, value: Value) -> Value {
        let mut claims = good();
        claims[field] = value;
        claims
    }

    #[test]
    fn the_control_claims_are_believed() {
        let believed = judged(good(), &policy()).unwrap();
        assert_eq!((believed.subject.as_str(), believed.name.as_deref()), ("ada", Some("Ada")));
        assert_eq!(believed.roles.unwrap(), [Role::Viewer, Role::Operator]);
        assert_eq!(believed.expires_at, Millis((SECOND + 600) * 1_000));
    }

    #[test]
    fn claims_that_are_not_for_us_are_refused() {
        for (field, value) in [
            ("iss", json!("https://id.example/")),
            ("iss", json!(["https://id.example"])),
            ("iss", json!(null)),
            ("sub", json!("")),
            ("sub", json!(7)),
            ("sub", json!("x".repeat(256))),
            ("aud", json!("signal-api-2")),
            ("aud", json!([])),
            ("aud", json!({ "signal-api": true })),
            ("aud", json!(null)),
            ("exp", json!(SECOND - 60)),
            ("exp", json!(null)),
            ("exp", json!("9999999999")),
            ("exp", json!(1e300)),
            ("exp", json!(SECOND + 86_401)),
            ("iat", json!(SECOND + 61)),
            ("nbf", json!(SECOND + 61)),
            ("token_use", json!("id")),
            ("nonce", json!("n")),
            ("at_hash", json!("h")),
        ] {
            assert!(judged(with(field, value.clone()), &policy()).is_err(), "{field} = {value}");
        }
    }

    #[test]
    fn a_client_is_asked_for_where_clients_are_named() {
        let policy = OutsidePolicy::cognito("https://id.example", vec!["app".into()]);
        let claims = |client: &str, token_use: &str| {
            json!({ "iss": "https://id.example", "sub": "ada", "exp": SECOND + 600, "iat": SECOND,
                "client_id": client, "token_use": token_use, "cognito:groups": ["moderator"] })
        };
        let believed = judged(claims("app", "access"), &policy).unwrap();
        assert_eq!(believed.roles.unwrap(), [Role::Viewer, Role::Moderator]);
        assert!(judged(claims("app2", "access"), &policy).is_err());
        assert!(judged(claims("", "access"), &policy).is_err());
        assert!(judged(claims("app", "id"), &policy).is_err());
        assert!(judged(claims("app", "refresh"), &policy).is_err());
    }

    #[test]
    fn groups_are_found_by_name_by_path_and_in_one_text() {
        let nested = OutsidePolicy { groups_claim: Some("/realm_access/roles".into()), ..policy() };
        let roles = |claims: Value, policy: &OutsidePolicy| judged(claims, policy).unwrap().roles;
        let path = with("realm_access", json!({ "roles": ["moderator"] }));
        assert_eq!(roles(path, &nested), Some(vec![Role::Viewer, Role::Moderator]));
        let text = with("groups", json!("moderator operator"));
        assert_eq!(roles(text, &policy()), Some(Role::ALL.to_vec()));
        for strange in [json!(null), json!(5), json!({ "operator": true }), json!([["operator"]])] {
            assert_eq!(roles(with("groups", strange), &policy()), Some(vec![Role::Viewer]));
        }
        let none = OutsidePolicy { groups_claim: None, ..policy() };
        assert_eq!(roles(good(), &none), None);
    }

    #[test]
    fn a_sign_in_is_one_session_and_another_is_another() {
        let session = |claims: Value| judged(claims, &policy()).unwrap().session;
        assert_eq!(session(good()), session(with("exp", json!(SECOND + 900))), "refreshed");
        assert_ne!(session(good()), session(with("sid", json!("s2"))));
        assert_ne!(session(good()), session(with("sub", json!("eve"))), "a session id alone names nobody");
        assert_eq!(session(with("origin_jti", json!("o"))), session(with("origin_jti", json!("o"))));
    }
}
