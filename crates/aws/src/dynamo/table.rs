//! Tables as data: what the contract prints, what tests create, what keys are built from.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
    Projection as SdkProjection, ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use stdx::Fault;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Kind {
    S,
    N,
}

/// A key attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Attr {
    pub name: &'static str,
    pub kind: Kind,
}

impl Attr {
    pub const fn s(name: &'static str) -> Self {
        Self { name, kind: Kind::S }
    }
    pub const fn n(name: &'static str) -> Self {
        Self { name, kind: Kind::N }
    }
    fn value(self, value: &str) -> AttributeValue {
        match self.kind {
            Kind::S => AttributeValue::S(value.to_owned()),
            Kind::N => AttributeValue::N(value.to_owned()),
        }
    }
}

/// What of a row stands in an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Projection {
    All,
    KeysOnly,
    Include(&'static [&'static str]),
}

/// A global secondary index; eventually consistent. A row without its keys is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Index {
    pub name: &'static str,
    pub hash: Attr,
    pub range: Option<Attr>,
    pub projection: Projection,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Table {
    pub name: &'static str,
    pub hash: Attr,
    pub range: Option<Attr>,
    pub indexes: &'static [Index],
    /// Seconds since 1970: the service removes the row some time after.
    pub ttl: Option<&'static str>,
}

/// The primary key of a row, as text; numbers are written out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    pub hash: String,
    pub range: Option<String>,
}

impl Key {
    pub fn of(hash: impl Into<String>) -> Self {
        Self { hash: hash.into(), range: None }
    }
    pub fn pair(hash: impl Into<String>, range: impl Into<String>) -> Self {
        Self { hash: hash.into(), range: Some(range.into()) }
    }
    pub(super) fn attributes(&self, table: &Table) -> HashMap<String, AttributeValue> {
        let mut map = HashMap::from([(table.hash.name.to_owned(), table.hash.value(&self.hash))]);
        if let (Some(attr), Some(range)) = (table.range, &self.range) {
            map.insert(attr.name.to_owned(), attr.value(range));
        }
        map
    }
}

fn schema(hash: Attr, range: Option<Attr>) -> Result<Vec<KeySchemaElement>, Fault> {
    let element = |attr: Attr, kind| {
        KeySchemaElement::builder().attribute_name(attr.name).key_type(kind).build().map_err(Fault::internal)
    };
    let mut all = vec![element(hash, KeyType::Hash)?];
    if let Some(range) = range {
        all.push(element(range, KeyType::Range)?);
    }
    Ok(all)
}

fn index(index: &Index) -> Result<GlobalSecondaryIndex, Fault> {
    let projection = match index.projection {
        Projection::All => SdkProjection::builder().projection_type(ProjectionType::All),
        Projection::KeysOnly => SdkProjection::builder().projection_type(ProjectionType::KeysOnly),
        Projection::Include(names) => SdkProjection::builder()
            .projection_type(ProjectionType::Include)
            .set_non_key_attributes(Some(names.iter().map(|n| (*n).to_owned()).collect())),
    };
    GlobalSecondaryIndex::builder()
        .index_name(index.name)
        .set_key_schema(Some(schema(index.hash, index.range)?))
        .projection(projection.build())
        .build()
        .map_err(Fault::internal)
}

/// Creates a table on demand billing, with its indexes and its time to live; one that exists is left as it is.
pub async fn create(client: &Client, name: &str, table: &Table) -> Result<(), Fault> {
    let mut attributes = BTreeMap::new();
    let of_indexes = table.indexes.iter().flat_map(|i| [Some(i.hash), i.range]);
    for attr in [Some(table.hash), table.range].into_iter().chain(of_indexes).flatten() {
        attributes.insert(attr.name, attr.kind);
    }
    let definitions = attributes.into_iter().map(|(name, kind)| {
        let kind = match kind {
            Kind::S => ScalarAttributeType::S,
            Kind::N => ScalarAttributeType::N,
        };
        AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build()
    });
    let definitions = definitions.collect::<Result<Vec<_>, _>>().map_err(Fault::internal)?;
    let indexes = table.indexes.iter().map(index).collect::<Result<Vec<_>, _>>()?;
    let made = client
        .create_table()
        .table_name(name)
        .set_attribute_definitions(Some(definitions))
        .set_key_schema(Some(schema(table.hash, table.range)?))
        .set_global_secondary_indexes((!indexes.is_empty()).then_some(indexes))
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await;
    match made {
        Ok(_) => {}
        Err(e) if e.as_service_error().is_some_and(|s| s.is_resource_in_use_exception()) => return Ok(()),
        Err(e) => return Err(crate::fault::of(&format!("creating the table {name}"), e)),
    }
    if let Some(ttl) = table.ttl {
        let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name(ttl).build();
        client
            .update_time_to_live()
            .table_name(name)
            .time_to_live_specification(ttl.map_err(Fault::internal)?)
            .send()
            .await
            .map_err(|e| crate::fault::of(&format!("setting the time to live of {name}"), e))?;
    }
    Ok(())
}
