//! Who a person of an outside issuer is here: one item a person, written once.

use super::claims::ACCOUNT_CLAIMS;
use super::row;
use crate::dynamo::{Dynamo, Item, Key, Put, Read};
use async_trait::async_trait;
use identity::{LinkStore, Outside};
use sha2::{Digest, Sha256};
use stdx::Fault;
use vocab::UserId;

#[derive(Debug, Clone)]
pub struct DynamoLinkStore(Dynamo);

/// Subjects are the issuer's texts of any length and letters: a key is made of their digest.
fn name(outside: &Outside) -> String {
    let mut hash = Sha256::new();
    for part in [&outside.issuer, &outside.subject] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    format!("outside#{}", hex::encode(hash.finalize()))
}

impl DynamoLinkStore {
    pub fn new(dynamo: Dynamo) -> Self {
        Self(dynamo)
    }
}

fn linked(item: &Item) -> Result<UserId, Fault> {
    item.layout(row::LAYOUT)?;
    row::user_id(item)
}

#[async_trait]
impl LinkStore for DynamoLinkStore {
    async fn find(&self, outside: &Outside) -> Result<Option<UserId>, Fault> {
        // A link never changes: what an eventual read finds is true, and what it misses `link` meets.
        let found = self.0.get(&ACCOUNT_CLAIMS, &Key::of(name(outside)), Read::Eventual).await?;
        found.as_ref().map(linked).transpose()
    }

    async fn link(&self, outside: &Outside, user: UserId) -> Result<UserId, Fault> {
        let link = Item::new(row::LAYOUT)
            .s("claim", name(outside))
            .s("user_id", user.to_string())
            .s("issuer", outside.issuer.clone())
            .s("subject", outside.subject.clone());
        match self.0.put_new(&ACCOUNT_CLAIMS, link).await? {
            Put::Refused(Some(stands)) => linked(&stands),
            _ => Ok(user),
        }
    }
}
