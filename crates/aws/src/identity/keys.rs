//! The issuer's secrets: signing keys and the operator code.

use super::policy::KEYS_MAX;
use super::row;
use crate::dynamo::{Attr, Change, Dynamo, Item, Key, Put, Query, Table, Write};
use async_trait::async_trait;
use identity::{KeyStore, KeyStoreError, OperatorCode, StoredKey};
use stdx::Fault;
use vocab::Millis;

/// Few rows, read by the API alone.
pub static ISSUER_SECRETS: Table = Table {
    name: "IssuerSecrets",
    hash: Attr::s("kind"),
    range: Some(Attr::s("key_id")),
    indexes: &[],
    ttl: None,
};

const KEYS: &str = "signing-key";
const CODES: &str = "operator-code";
/// There is one code at a time.
const CODE: &str = "current";

#[derive(Debug, Clone)]
pub struct DynamoKeyStore(Dynamo);

impl DynamoKeyStore {
    pub fn new(dynamo: Dynamo) -> Self {
        Self(dynamo)
    }

    async fn rows(&self) -> Result<Vec<Item>, Fault> {
        // Strong: a key just made signs next, and a retired one must not.
        self.0.query(Query::of(&ISSUER_SECRETS, KEYS, KEYS_MAX).strong()).await
    }
}

fn code(code: &OperatorCode) -> Item {
    Item::new(row::LAYOUT)
        .s("kind", CODES)
        .s("key_id", CODE)
        .b("hash", code.hash.to_vec())
        .n("expires_at", code.expires_at.0)
}

/// What is left of a code that was taken. Taking is a write and no deletion: a deletion cannot tell its own
/// lost answer from somebody else's success.
fn spent() -> Item {
    Item::new(row::LAYOUT).s("kind", CODES).s("key_id", CODE).flag("spent", true)
}

#[async_trait]
impl KeyStore for DynamoKeyStore {
    async fn keys(&self) -> Result<Vec<StoredKey>, KeyStoreError> {
        let keys: Result<Vec<StoredKey>, Fault> = self.rows().await?.iter().map(row::key_of).collect();
        let mut keys = keys?;
        keys.sort_by(|a, b| (a.created_at, &a.kid).cmp(&(b.created_at, &b.kid)));
        Ok(keys)
    }

    async fn add(&self, key: StoredKey) -> Result<(), KeyStoreError> {
        match self.0.put_new(&ISSUER_SECRETS, row::key(KEYS, &key)).await? {
            Put::Written => Ok(()),
            Put::Refused(_) => Err(KeyStoreError::Exists(key.kid)),
        }
    }

    async fn retire(&self, kid: &str, retired_at: Millis, drop_at: Millis) -> Result<(), KeyStoreError> {
        let decide = |seen: Option<&Item>| -> Result<Change<()>, KeyStoreError> {
            let seen = seen.ok_or_else(|| KeyStoreError::NotFound(kid.to_owned()))?;
            let mut key = row::key_of(seen)?;
            key.retired_at = Some(key.retired_at.map_or(retired_at, |known| known.min(retired_at)));
            key.drop_at = Some(key.drop_at.map_or(drop_at, |known| known.min(drop_at)));
            Ok((Write::Put(row::key(KEYS, &key)), ()))
        };
        self.0.change(&ISSUER_SECRETS, &Key::pair(KEYS, kid), decide).await
    }

    async fn purge(&self, now: Millis) -> Result<usize, KeyStoreError> {
        let mut gone = 0;
        for item in self.rows().await? {
            let key = row::key_of(&item)?;
            let over = !key.is_published_at(now);
            let at = Key::pair(KEYS, key.kid);
            if over && self.0.delete_seen(&ISSUER_SECRETS, &at, &item).await? == Put::Written {
                gone += 1;
            }
        }
        Ok(gone)
    }

    async fn put_code(&self, new: OperatorCode) -> Result<(), KeyStoreError> {
        Ok(self.0.put(&ISSUER_SECRETS, code(&new)).await?)
    }

    async fn take_code(&self, hash: [u8; 32], now: Millis) -> Result<bool, KeyStoreError> {
        let decide = |seen: Option<&Item>| -> Result<Change<bool>, KeyStoreError> {
            let Some(seen) = seen else { return Ok((Write::Keep, false)) };
            seen.layout(row::LAYOUT)?;
            let right =
                !seen.get_flag("spent") && seen.get_b("hash")? == hash && now.0 < seen.get_n("expires_at")?;
            Ok(if right { (Write::Put(spent()), true) } else { (Write::Keep, false) })
        };
        self.0.change(&ISSUER_SECRETS, &Key::pair(CODES, CODE), decide).await
    }
}
