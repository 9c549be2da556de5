//! Many rows in few requests; what the service left undone is asked for again.

use super::{Dynamo, Item, Key, Read, Table, fault};
use crate::policy::{BATCH_GET_MAX, BATCH_WRITE_MAX};
use aws_sdk_dynamodb::types::{
    AttributeValue, DeleteRequest, KeysAndAttributes, PutRequest, ReturnConsumedCapacity, WriteRequest,
};
use std::collections::{HashMap, HashSet};
use stdx::{Backoff, Fault, FaultKind};
use vocab::Millis;

/// Between two rounds for what was left undone.
const LEFT_OVER: Backoff = Backoff { base: Millis(20), cap: Millis(1_000) };

impl Dynamo {
    /// The rows that exist, in no promised order.
    pub async fn get_many(&self, table: &Table, keys: &[Key], read: Read) -> Result<Vec<Item>, Fault> {
        let unique: Vec<Key> = keys.iter().collect::<HashSet<_>>().into_iter().cloned().collect();
        let mut found = Vec::with_capacity(unique.len());
        for chunk in unique.chunks(BATCH_GET_MAX) {
            let mut left: Vec<_> = chunk.iter().map(|k| k.attributes(table)).collect();
            let mut round = 0;
            while !left.is_empty() {
                self.pause(table, round).await?;
                round += 1;
                left = self.get_round(table, left, read, &mut found).await?;
            }
        }
        Ok(found)
    }

    async fn get_round(
        &self,
        table: &Table,
        keys: Vec<HashMap<String, AttributeValue>>,
        read: Read,
        found: &mut Vec<Item>,
    ) -> Result<Vec<HashMap<String, AttributeValue>>, Fault> {
        let name = self.name_of(table);
        let ask = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .consistent_read(read == Read::Strong)
            .build()
            .map_err(Fault::internal)?;
        let mut answer = self
            .client()
            .batch_get_item()
            .request_items(name.clone(), ask)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|e| fault::of(&format!("reading {}", table.name), e))?;
        self.meter.batch(answer.consumed_capacity(), &[]);
        let items = answer.responses.as_mut().and_then(|r| r.remove(&name)).unwrap_or_default();
        found.extend(items.into_iter().map(Item::from));
        Ok(answer.unprocessed_keys.and_then(|mut u| u.remove(&name)).map(|k| k.keys).unwrap_or_default())
    }

    /// Writes whatever stands there. Not atomic: a failure may leave some written. Safe to repeat.
    pub async fn put_many(&self, table: &Table, items: Vec<Item>) -> Result<(), Fault> {
        let mut requests = Vec::with_capacity(items.len());
        for mut item in items {
            item.stamp(&self.token());
            let put = PutRequest::builder().set_item(Some(item.into())).build().map_err(Fault::internal)?;
            requests.push(WriteRequest::builder().put_request(put).build());
        }
        self.write_many(table, requests).await
    }

    /// Deletes. Not atomic; safe to repeat.
    pub async fn delete_many(&self, table: &Table, keys: &[Key]) -> Result<(), Fault> {
        let mut requests = Vec::with_capacity(keys.len());
        for key in keys.iter().collect::<HashSet<_>>() {
            let delete = DeleteRequest::builder().set_key(Some(key.attributes(table))).build();
            let delete = delete.map_err(Fault::internal)?;
            requests.push(WriteRequest::builder().delete_request(delete).build());
        }
        self.write_many(table, requests).await
    }

    async fn write_many(&self, table: &Table, requests: Vec<WriteRequest>) -> Result<(), Fault> {
        let name = self.name_of(table);
        for chunk in requests.chunks(BATCH_WRITE_MAX) {
            let mut left = chunk.to_vec();
            let mut round = 0;
            while !left.is_empty() {
                self.pause(table, round).await?;
                round += 1;
                let answer = self
                    .client()
                    .batch_write_item()
                    .request_items(name.clone(), left)
                    .return_consumed_capacity(ReturnConsumedCapacity::Total)
                    .send()
                    .await
                    .map_err(|e| fault::of(&format!("writing {}", table.name), e))?;
                self.meter.batch(&[], answer.consumed_capacity());
                left = answer.unprocessed_items.and_then(|mut u| u.remove(&name)).unwrap_or_default();
            }
        }
        Ok(())
    }

    /// Nothing before the first round; an error once there were too many.
    async fn pause(&self, table: &Table, round: u32) -> Result<(), Fault> {
        if round == 0 {
            return Ok(());
        }
        if round >= self.policy.batch_rounds_max {
            let said = format!("{} leaves rows of a batch undone", table.name);
            return Err(Fault::new(FaultKind::Throttled, said));
        }
        tokio::time::sleep(LEFT_OVER.delay(round, self.entropy()).to_duration()).await;
        Ok(())
    }
}
