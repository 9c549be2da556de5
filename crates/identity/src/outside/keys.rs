//! Public keys of three kinds out of a JWKS document.

use super::policy::SignatureAlgorithm;
use crate::keys::ed25519_public;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::Value;

/// Weaker RSA keys are refused, larger ones only cost time.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1_024;

/// A key works with the one algorithm of its kind: the token's header cannot choose.
#[derive(Clone)]
pub struct OutsideKey {
    pub algorithm: SignatureAlgorithm,
    pub key: DecodingKey,
}

pub fn read(jwk: &Value) -> Option<(String, OutsideKey)> {
    if let Some((kid, public)) = ed25519_public(jwk) {
        let key = DecodingKey::from_ed_der(&public);
        return Some((kid, OutsideKey { algorithm: SignatureAlgorithm::EdDsa, key }));
    }
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let kid = text("kid").filter(|k| !k.is_empty())?;
    let (algorithm, key) = match text("kty")? {
        "RSA" => (SignatureAlgorithm::Rs256, rsa(text("n")?, text("e")?)?),
        "EC" if text("crv") == Some("P-256") => {
            (SignatureAlgorithm::Es256, DecodingKey::from_ec_components(text("x")?, text("y")?).ok()?)
        }
        _ => return None,
    };
    let fits = text("alg").is_none_or(|a| a == algorithm.as_str()) && text("use").is_none_or(|u| u == "sig");
    fits.then(|| (kid.to_owned(), OutsideKey { algorithm, key }))
}

fn rsa(n: &str, e: &str) -> Option<DecodingKey> {
    let modulus = URL_SAFE_NO_PAD.decode(n).ok()?;
    let length = modulus.iter().skip_while(|b| **b == 0).count();
    let exponent = URL_SAFE_NO_PAD.decode(e).ok()?;
    let sane = RSA_BYTES.contains(&length) && (1..=4).contains(&exponent.len());
    if sane { DecodingKey::from_rsa_components(n, e).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn weak_strange_and_secret_keys_are_left_out() {
        let n = |bytes: usize| URL_SAFE_NO_PAD.encode(vec![0xA5; bytes]);
        let good =
            json!({ "kty": "RSA", "kid": "a", "alg": "RS256", "use": "sig", "n": n(256), "e": "AQAB" });
        assert!(read(&good).is_some_and(|(_, k)| k.algorithm == SignatureAlgorithm::Rs256));
        for (field, value) in [
            ("n", json!(n(128))),
            ("n", json!(n(2_048))),
            ("n", json!("!")),
            ("e", json!(n(9))),
            ("e", json!("")),
            ("alg", json!("RS512")),
            ("alg", json!("HS256")),
            ("use", json!("enc")),
            ("kty", json!("oct")),
            ("kty", json!("EC")),
            ("kid", json!(null)),
            ("kid", json!("")),
        ] {
            let mut jwk = good.clone();
            jwk[field] = value.clone();
            assert!(read(&jwk).is_none(), "{field} = {value}");
        }
    }
}
