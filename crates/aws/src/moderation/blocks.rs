//! Bytes that are refused without being looked at again: one item a hash.

use super::row;
use crate::dynamo::{Attr, Dynamo, Index, Key, Projection, Put, Query, Range, Read, Table, Write};
use async_trait::async_trait;
use moderation::{BlockEntry, BlockList};
use stdx::Fault;
use vocab::Millis;

const BY_TIME: Index = Index {
    name: "BlockListByTime",
    hash: Attr::s("list"),
    range: Some(Attr::s("added")),
    // Written once an entry, like the keys alone would be.
    projection: Projection::All,
};

pub static BLOCK_LIST: Table =
    Table { name: "BlockList", hash: Attr::s("content_sha256"), range: None, indexes: &[BY_TIME], ttl: None };

#[derive(Debug, Clone)]
pub struct DynamoBlockList(Dynamo);

impl DynamoBlockList {
    pub fn new(dynamo: Dynamo) -> Self {
        Self(dynamo)
    }
}

#[async_trait]
impl BlockList for DynamoBlockList {
    async fn add(&self, entry: BlockEntry) -> Result<bool, Fault> {
        Ok(self.0.put_new(&BLOCK_LIST, row::block_item(&entry)).await? == Put::Written)
    }

    async fn remove(&self, content_sha256: &str) -> Result<bool, Fault> {
        self.0
            .change(&BLOCK_LIST, &Key::of(content_sha256), |seen| match seen {
                None => Ok((Write::Keep, false)),
                Some(_) => Ok((Write::Delete, true)),
            })
            .await
    }

    /// Strong: bytes that were blocked a moment ago are refused.
    async fn find(&self, content_sha256: &str) -> Result<Option<BlockEntry>, Fault> {
        let found = self.0.get(&BLOCK_LIST, &Key::of(content_sha256), Read::Strong).await?;
        found.as_ref().map(row::block).transpose()
    }

    async fn list(&self, before: Option<(Millis, String)>, limit: usize) -> Result<Vec<BlockEntry>, Fault> {
        let range = before.map_or(Range::All, |(at, hash)| Range::Before(row::added(at, &hash)));
        let query = Query::of(&BLOCK_LIST, row::BLOCKED, limit).index(&BY_TIME).range(range).newest_first();
        self.0.query(query).await?.iter().map(row::block).collect()
    }
}
