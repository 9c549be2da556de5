//! What an outside issuer's token must say.

use crate::account::Role;
use crate::keyring::KeyringPolicy;
use jsonwebtoken::Algorithm;
use vocab::Millis;

/// Signatures by public keys only: a shared secret is not expressible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    Rs256,
    Es256,
    EdDsa,
}

impl SignatureAlgorithm {
    pub const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::EdDsa];

    pub(crate) const fn as_jwt(self) -> Algorithm {
        match self {
            Self::Rs256 => Algorithm::RS256,
            Self::Es256 => Algorithm::ES256,
            Self::EdDsa => Algorithm::EdDSA,
        }
    }
    /// As `alg` spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutsidePolicy {
    /// `iss`, to the letter.
    pub issuer: String,
    /// `aud` must be this or hold it. `None` where access tokens have no audience (Cognito).
    pub audience: Option<String>,
    /// `client_id` or `azp` must be one of these; empty = not looked at.
    pub client_ids: Vec<String>,
    /// `token_use` must be this (Cognito: `access`), so that an id token does not pass.
    pub token_use: Option<String>,
    /// The claim that lists groups: its name, or a JSON pointer (`/realm_access/roles`). `None` = roles are
    /// given here, by an operator.
    pub groups_claim: Option<String>,
    /// Which group gives which role. Everybody is a viewer.
    pub roles: Vec<(String, Role)>,
    pub algorithms: Vec<SignatureAlgorithm>,
    pub leeway: Millis,
    /// Groups make outside tokens long.
    pub token_bytes_max: usize,
    /// A token that lives longer is refused: it bounds how long a revocation must be remembered.
    pub token_life_max: Millis,
    pub keyring: KeyringPolicy,
    /// People remembered in memory.
    pub people_max: usize,
    /// Their records are read again after this.
    pub people_age_max: Millis,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadOutsidePolicy(pub String);

impl OutsidePolicy {
    /// For any issuer; `audience` is what it writes into access tokens for this API.
    pub fn of(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audience: Some(audience.into()),
            client_ids: Vec::new(),
            token_use: None,
            groups_claim: None,
            roles: vec![("moderator".into(), Role::Moderator), ("operator".into(), Role::Operator)],
            algorithms: SignatureAlgorithm::ALL.to_vec(),
            leeway: Millis(60_000),
            token_bytes_max: 8_192,
            token_life_max: Millis(24 * 3_600_000),
            keyring: KeyringPolicy {
                age_max: Millis(15 * 60_000),
                refresh_min: Millis(30_000),
                stale_max: Millis(24 * 3_600_000),
                keys_max: 32,
            },
            people_max: 50_000,
            people_age_max: Millis(60_000),
        }
    }

    /// For a Cognito user pool: access tokens name the client instead of an audience and groups in
    /// `cognito:groups`, and are signed with RS256.
    pub fn cognito(issuer: impl Into<String>, client_ids: Vec<String>) -> Self {
        Self {
            audience: None,
            client_ids,
            token_use: Some("access".into()),
            groups_claim: Some("cognito:groups".into()),
            algorithms: vec![SignatureAlgorithm::Rs256],
            ..Self::of(issuer, "")
        }
    }

    /// Refuses what would let in tokens that were meant for somebody else.
    pub fn check(&self) -> Result<(), BadOutsidePolicy> {
        let bad = |said: &str| Err(BadOutsidePolicy(said.to_owned()));
        if self.issuer.is_empty() {
            return bad("the issuer is empty: give the text its tokens carry as `iss`");
        }
        if self.audience.is_none() && self.client_ids.is_empty() {
            return bad(
                "neither an audience nor client ids are set: tokens the issuer gave to other applications would count; set one of them",
            );
        }
        if self.audience.as_deref() == Some("") || self.client_ids.iter().any(String::is_empty) {
            return bad("the audience or a client id is empty");
        }
        if self.algorithms.is_empty() {
            return bad("no signature algorithm is allowed: name RS256, ES256 or EdDSA");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_for_anybody_are_not_accepted_by_an_oversight() {
        assert_eq!(OutsidePolicy::of("https://id.example", "api").check(), Ok(()));
        assert_eq!(OutsidePolicy::cognito("https://id.example", vec!["app".into()]).check(), Ok(()));
        assert!(OutsidePolicy::cognito("https://id.example", vec![]).check().is_err());
        assert!(OutsidePolicy::of("https://id.example", "").check().is_err());
        assert!(OutsidePolicy::of("", "api").check().is_err());
        let none = OutsidePolicy { algorithms: vec![], ..OutsidePolicy::of("https://id.example", "api") };
        assert!(none.check().is_err());
    }
}
