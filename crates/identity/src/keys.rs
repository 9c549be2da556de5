//! Signing keys: Ed25519, named by their thumbprint, published before they sign and kept in the
//! JWKS until the last token they signed has ended.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use std::fmt;
use stdx::Fault;
use vocab::Millis;

/// The only algorithm, for signing and for verifying.
pub const ALGORITHM: Algorithm = Algorithm::EdDSA;

/// RFC 8410: PKCS#8 version 1 of a 32-byte Ed25519 seed is these bytes and the seed.
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// A signing key and the times of its life.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// RFC 7638 thumbprint of the public key.
    pub kid: String,
    /// The private key.
    pub seed: [u8; 32],
    pub created_at: Millis,
    /// Signs from here on.
    pub active_from: Millis,
    /// Signs no more from here on.
    pub retired_at: Option<Millis>,
    /// Leaves the JWKS here.
    pub drop_at: Option<Millis>,
}

impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredKey")
            .field("kid", &self.kid)
            .field("active_from", &self.active_from)
            .field("retired_at", &self.retired_at)
            .field("drop_at", &self.drop_at)
            .finish_non_exhaustive()
    }
}

impl StoredKey {
    pub fn new(seed: [u8; 32], created_at: Millis, active_from: Millis) -> Result<Self, Fault> {
        let jwk = Jwk::from_encoding_key(&encoding_key(&seed), ALGORITHM).map_err(Fault::internal)?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(Fault::internal)?;
        Ok(Self { kid, seed, created_at, active_from, retired_at: None, drop_at: None })
    }

    pub fn signs_at(&self, now: Millis) -> bool {
        self.active_from <= now && self.retired_at.is_none_or(|end| now < end)
    }

    pub fn is_published_at(&self, now: Millis) -> bool {
        self.drop_at.is_none_or(|end| now < end)
    }

    pub fn encoding_key(&self) -> EncodingKey {
        encoding_key(&self.seed)
    }

    fn public_jwk(&self) -> Result<Value, Fault> {
        let mut jwk = Jwk::from_encoding_key(&self.encoding_key(), ALGORITHM).map_err(Fault::internal)?;
        jwk.common.key_id = Some(self.kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        serde_json::to_value(jwk).map_err(Fault::internal)
    }
}

fn encoding_key(seed: &[u8; 32]) -> EncodingKey {
    let mut der = PKCS8_PREFIX.to_vec();
    der.extend_from_slice(seed);
    EncodingKey::from_ed_der(&der)
}

/// The key that signs at `now`: the newest of those that may. `None` between retirement and
/// activation, or at first start.
pub fn signing_key(keys: &[StoredKey], now: Millis) -> Option<&StoredKey> {
    keys.iter().filter(|k| k.signs_at(now)).max_by_key(|k| (k.active_from, k.created_at))
}

/// RFC 7517 document of the public halves.
pub fn jwks(keys: &[StoredKey], now: Millis) -> Result<Value, Fault> {
    let published: Result<Vec<_>, _> =
        keys.iter().filter(|k| k.is_published_at(now)).map(StoredKey::public_jwk).collect();
    Ok(json!({ "keys": published? }))
}

/// 32 bytes of an Ed25519 public key out of a JWK of the one kind we take.
pub fn ed25519_public(jwk: &Value) -> Option<(String, [u8; 32])> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let ours = text("kty") == Some("OKP")
        && text("crv") == Some("Ed25519")
        && text("alg").is_none_or(|a| a == "EdDSA")
        && text("use").is_none_or(|u| u == "sig");
    if !ours {
        return None;
    }
    let kid = text("kid").filter(|k| !k.is_empty())?;
    let bytes = URL_SAFE_NO_PAD.decode(text("x")?).ok()?;
    Some((kid.to_owned(), bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8, active_from: i64) -> StoredKey {
        StoredKey::new([n; 32], Millis(active_from), Millis(active_from)).unwrap()
    }

    #[test]
    fn the_public_key_is_the_one_of_rfc_8032() {
        // RFC 8032, 7.1, test 1.
        let seed: [u8; 32] = [
            0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
            0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
        ];
        let key = StoredKey::new(seed, Millis(0), Millis(0)).unwrap();
        // RFC 8037, A.2 and A.3: the same key as a JWK and its thumbprint.
        let jwk = &jwks(&[key], Millis(0)).unwrap()["keys"][0];
        assert_eq!(jwk["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(jwk["kid"], "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        for (field, value) in [("kty", "OKP"), ("crv", "Ed25519"), ("alg", "EdDSA"), ("use", "sig")] {
            assert_eq!(jwk[field], value);
        }
        assert!(ed25519_public(jwk).is_some());
    }

    #[test]
    fn the_document_holds_no_private_part() {
        let document = jwks(&[key(1, 0)], Millis(0)).unwrap();
        let fields: Vec<_> = document["keys"][0].as_object().unwrap().keys().cloned().collect();
        assert_eq!(fields, ["alg", "crv", "kid", "kty", "use", "x"]);
    }

    #[test]
    fn the_newest_active_key_signs_and_dropped_ones_are_gone() {
        let (mut old, new) = (key(1, 0), key(2, 100));
        old.retired_at = Some(Millis(100));
        old.drop_at = Some(Millis(500));
        let keys = [old.clone(), new.clone()];
        assert_eq!(signing_key(&keys, Millis(99)).map(|k| &k.kid), Some(&old.kid));
        assert_eq!(signing_key(&keys, Millis(100)).map(|k| &k.kid), Some(&new.kid));
        assert_eq!(jwks(&keys, Millis(50)).unwrap()["keys"].as_array().unwrap().len(), 2);
        assert_eq!(jwks(&keys, Millis(500)).unwrap()["keys"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn only_whole_ed25519_signature_keys_are_taken() {
        let good = jwks(&[key(1, 0)], Millis(0)).unwrap()["keys"][0].clone();
        for (field, value) in [
            ("kty", json!("EC")),
            ("crv", json!("X25519")),
            ("alg", json!("HS256")),
            ("use", json!("enc")),
            ("kid", json!("")),
            ("x", json!("AAAA")),
            ("x", json!(5)),
            ("kid", json!(null)),
        ] {
            let mut jwk = good.clone();
            jwk[field] = value.clone();
            assert_eq!(ed25519_public(&jwk), None, "{field} = {value}");
        }
    }
}
