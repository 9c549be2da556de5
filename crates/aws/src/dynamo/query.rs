//! Rows of one partition, in order, a bounded number of them.

use super::table::{Attr, Index, Kind};
use super::{Dynamo, Item, Read, Table, fault};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, Select};
use std::collections::HashMap;
use stdx::{Fault, FaultKind};

/// Bounds on the range key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Range {
    All,
    Before(String),
    UpTo(String),
    From(String),
    After(String),
    /// Both ends included.
    Between(String, String),
    StartsWith(String),
}

/// A question to a table or to one of its indexes.
#[derive(Debug, Clone)]
pub struct Query<'a> {
    pub table: &'a Table,
    pub index: Option<&'a Index>,
    pub hash: String,
    pub range: Range,
    pub newest_first: bool,
    /// At most so many rows.
    pub limit: usize,
    pub read: Read,
}

impl<'a> Query<'a> {
    /// Eventually consistent, ascending, everything up to `limit`.
    pub fn of(table: &'a Table, hash: impl Into<String>, limit: usize) -> Self {
        Self {
            table,
            index: None,
            hash: hash.into(),
            range: Range::All,
            newest_first: false,
            limit,
            read: Read::Eventual,
        }
    }
    pub fn index(mut self, index: &'a Index) -> Self {
        self.index = Some(index);
        self
    }
    pub fn range(mut self, range: Range) -> Self {
        self.range = range;
        self
    }
    pub fn newest_first(mut self) -> Self {
        self.newest_first = true;
        self
    }
    /// Not for an index: those are eventually consistent, always.
    pub fn strong(mut self) -> Self {
        self.read = Read::Strong;
        self
    }

    fn keys(&self) -> (Attr, Option<Attr>) {
        self.index.map_or((self.table.hash, self.table.range), |i| (i.hash, i.range))
    }
}

fn value(attr: Attr, text: &str) -> AttributeValue {
    match attr.kind {
        Kind::S => AttributeValue::S(text.to_owned()),
        Kind::N => AttributeValue::N(text.to_owned()),
    }
}

/// The condition and the values it names.
fn condition(hash: Attr, range: Option<Attr>, q: &Query<'_>) -> (String, HashMap<String, AttributeValue>) {
    let mut text = "#h = :h".to_owned();
    let mut values = HashMap::from([(":h".to_owned(), value(hash, &q.hash))]);
    let Some(attr) = range else { return (text, values) };
    let (clause, bounds): (&str, Vec<&String>) = match &q.range {
        Range::All => ("", vec![]),
        Range::Before(a) => (" AND #r < :a", vec![a]),
        Range::UpTo(a) => (" AND #r <= :a", vec![a]),
        Range::From(a) => (" AND #r >= :a", vec![a]),
        Range::After(a) => (" AND #r > :a", vec![a]),
        Range::Between(a, b) => (" AND #r BETWEEN :a AND :b", vec![a, b]),
        Range::StartsWith(a) => (" AND begins_with(#r, :a)", vec![a]),
    };
    text.push_str(clause);
    for (name, bound) in [":a", ":b"].iter().zip(bounds) {
        values.insert((*name).to_owned(), value(attr, bound));
    }
    (text, values)
}

impl Dynamo {
    /// Rows in order. Goes on over pages until `limit` rows or the end; `Internal` when that took too many.
    pub async fn query(&self, q: Query<'_>) -> Result<Vec<Item>, Fault> {
        let mut found = Vec::new();
        let mut from = None;
        for _ in 0..self.policy.pages_max {
            let asked = q.limit.saturating_sub(found.len());
            if asked == 0 {
                return Ok(found);
            }
            let (items, next) = self.page(&q, asked, from, false).await?;
            found.extend(items.0);
            from = next;
            if from.is_none() {
                return Ok(found);
            }
        }
        let said = format!("an answer of {} has more than {} pages", q.table.name, self.policy.pages_max);
        Err(Fault::new(FaultKind::Internal, said))
    }

    /// How many rows there are, up to about `limit`; read as a query, answered without rows.
    pub async fn count(&self, q: Query<'_>) -> Result<u64, Fault> {
        let (mut found, mut from) = (0u64, None);
        for _ in 0..self.policy.pages_max {
            let (items, next) = self.page(&q, q.limit, from, true).await?;
            found += items.1;
            from = next;
            if from.is_none() || found >= q.limit as u64 {
                break;
            }
        }
        Ok(found)
    }

    async fn page(
        &self,
        q: &Query<'_>,
        limit: usize,
        from: Option<HashMap<String, AttributeValue>>,
        count_only: bool,
    ) -> Result<((Vec<Item>, u64), Option<HashMap<String, AttributeValue>>), Fault> {
        let (hash, range) = q.keys();
        let (text, values) = condition(hash, range, q);
        let mut call = self
            .client()
            .query()
            .table_name(self.name_of(q.table))
            .set_index_name(q.index.map(|i| i.name.to_owned()))
            .key_condition_expression(text)
            .expression_attribute_names("#h", hash.name)
            .set_expression_attribute_values(Some(values))
            .scan_index_forward(!q.newest_first)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .consistent_read(q.index.is_none() && q.read == Read::Strong)
            .set_exclusive_start_key(from)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        if let (Some(range), false) = (range, q.range == Range::All) {
            call = call.expression_attribute_names("#r", range.name);
        }
        if count_only {
            call = call.select(Select::Count);
        }
        let answer = call.send().await.map_err(|e| fault::of(&format!("querying {}", q.table.name), e))?;
        self.meter.read(answer.consumed_capacity.as_ref());
        let count = u64::try_from(answer.count).unwrap_or(0);
        let items = answer.items.unwrap_or_default().into_iter().map(Item::from).collect();
        Ok(((items, count), answer.last_evaluated_key))
    }
}
