//! What all tables share: keys, items, conditions, batches, pages, and what they cost.

mod batch;
mod change;
pub mod document;
mod item;
mod meter;
mod query;
mod race;
mod table;

pub use change::{Change, Write};
pub use item::{Item, WRITTEN};
pub use meter::{Meter, Spent};
pub use query::{Query, Range};
pub use race::Race;
pub use table::{Attr, Index, Key, Kind, Projection, Table, create};

use crate::fault;
use crate::policy::{AwsPolicy, ITEM_BYTES_MAX};
use crate::sdk::Aws;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure};
use std::sync::Arc;
use stdx::{Entropy, Fault};

/// How fresh a read must be. A strong one costs twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    Eventual,
    Strong,
}

/// How a conditional write ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Put {
    Written,
    /// The condition did not hold: this item stands there (`None`: none does).
    Refused(Option<Item>),
}

/// The tables under one prefix. Cheap to clone.
#[derive(Clone)]
pub struct Dynamo {
    client: Client,
    prefix: Arc<str>,
    policy: AwsPolicy,
    entropy: Arc<dyn Entropy>,
    meter: Meter,
}

impl std::fmt::Debug for Dynamo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dynamo").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Dynamo {
    /// Tables are named `<prefix><name>`.
    pub fn new(aws: &Aws, prefix: &str) -> Self {
        Self {
            client: aws.dynamodb(),
            prefix: prefix.into(),
            policy: aws.policy().clone(),
            entropy: Arc::clone(aws.entropy()),
            meter: Meter::default(),
        }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }
    pub fn name_of(&self, table: &Table) -> String {
        format!("{}{}", self.prefix, table.name)
    }
    pub fn policy(&self) -> &AwsPolicy {
        &self.policy
    }
    pub fn entropy(&self) -> &dyn Entropy {
        self.entropy.as_ref()
    }
    /// What was spent through this handle and its clones.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    pub async fn get(&self, table: &Table, key: &Key, read: Read) -> Result<Option<Item>, Fault> {
        let answer = self
            .client
            .get_item()
            .table_name(self.name_of(table))
            .set_key(Some(key.attributes(table)))
            .consistent_read(read == Read::Strong)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|e| fault::of(&format!("reading {}", table.name), e))?;
        self.meter.read(answer.consumed_capacity.as_ref());
        Ok(answer.item.map(Item::from))
    }

    /// Writes whatever stands there. Only for rows whose content does not depend on what was read.
    pub async fn put(&self, table: &Table, item: Item) -> Result<(), Fault> {
        let token = self.token();
        self.put_where(table, item, &token, Condition::Any).await.map(|_| ())
    }

    /// Writes if no item has this key.
    pub async fn put_new(&self, table: &Table, item: Item) -> Result<Put, Fault> {
        let token = self.token();
        self.put_where(table, item, &token, Condition::Absent).await
    }

    /// Writes if nobody wrote since `seen` was read.
    pub async fn replace(&self, table: &Table, item: Item, seen: &Item) -> Result<Put, Fault> {
        let token = self.token();
        self.put_where(table, item, &token, Condition::At(seen.written()?.to_owned())).await
    }

    /// As `replace`, or `put_new` where nothing was seen; the write has this token, by which whoever
    /// remembers it knows the row again.
    pub async fn put_as(
        &self,
        table: &Table,
        item: Item,
        seen: Option<&Item>,
        token: &str,
    ) -> Result<Put, Fault> {
        let condition = match seen {
            Some(seen) => Condition::At(seen.written()?.to_owned()),
            None => Condition::Absent,
        };
        self.put_where(table, item, token, condition).await
    }

    /// Deletes. Idempotent.
    pub async fn delete(&self, table: &Table, key: &Key) -> Result<(), Fault> {
        self.delete_where(table, key, None).await.map(|_| ())
    }

    /// Deletes if nobody wrote since `seen` was read. An item that is gone counts as deleted: whoever
    /// repeats a lost answer must not be told of a race with itself.
    pub async fn delete_seen(&self, table: &Table, key: &Key, seen: &Item) -> Result<Put, Fault> {
        self.delete_where(table, key, Some(seen.written()?)).await
    }

    /// For one write.
    pub fn token(&self) -> String {
        format!("{:026x}", self.entropy.u128())
    }

    async fn put_where(
        &self,
        table: &Table,
        mut item: Item,
        token: &str,
        condition: Condition,
    ) -> Result<Put, Fault> {
        item.stamp(token);
        let bytes = item.bytes();
        if bytes > ITEM_BYTES_MAX {
            return Err(Fault::internal(format!("an item of {} has {bytes} bytes: split it", table.name)));
        }
        let mut call = self
            .client
            .put_item()
            .table_name(self.name_of(table))
            .set_item(Some(item.into()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        call = match condition {
            Condition::Any => call,
            Condition::Absent => call
                .condition_expression("attribute_not_exists(#k)")
                .expression_attribute_names("#k", table.hash.name),
            Condition::At(seen) => call
                .condition_expression("#w = :w")
                .expression_attribute_names("#w", WRITTEN)
                .expression_attribute_values(":w", item::text(seen)),
        };
        match call.send().await {
            Ok(answer) => {
                self.meter.wrote(answer.consumed_capacity.as_ref());
                Ok(Put::Written)
            }
            Err(e) => match e.as_service_error() {
                Some(
                    aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(c),
                ) => {
                    self.meter.refused();
                    let stands = c.item().cloned().map(Item::from);
                    // Our own earlier attempt, whose answer was lost.
                    let ours = stands.as_ref().is_some_and(|i| i.written().is_ok_and(|w| w == token));
                    Ok(if ours { Put::Written } else { Put::Refused(stands) })
                }
                _ => Err(fault::of(&format!("writing {}", table.name), e)),
            },
        }
    }

    async fn delete_where(&self, table: &Table, key: &Key, seen: Option<&str>) -> Result<Put, Fault> {
        use aws_sdk_dynamodb::operation::delete_item::DeleteItemError as E;
        let mut call = self
            .client
            .delete_item()
            .table_name(self.name_of(table))
            .set_key(Some(key.attributes(table)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        if let Some(seen) = seen {
            call = call
                .condition_expression("attribute_not_exists(#w) OR #w = :w")
                .expression_attribute_names("#w", WRITTEN)
                .expression_attribute_values(":w", item::text(seen));
        }
        match call.send().await {
            Ok(answer) => {
                self.meter.wrote(answer.consumed_capacity.as_ref());
                Ok(Put::Written)
            }
            Err(e) => match e.as_service_error() {
                Some(E::ConditionalCheckFailedException(c)) => {
                    self.meter.refused();
                    Ok(Put::Refused(c.item().cloned().map(Item::from)))
                }
                _ => Err(fault::of(&format!("deleting from {}", table.name), e)),
            },
        }
    }
}

enum Condition {
    Any,
    Absent,
    At(String),
}
