//! One row: attributes in, attributes out, with the layout version and the write token.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use stdx::{Fault, FaultKind};

/// The token of the last write.
pub const WRITTEN: &str = "w";
/// The layout the row was written in.
pub const LAYOUT: &str = "v";

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Item(HashMap<String, AttributeValue>);

pub(super) fn text(t: impl Into<String>) -> AttributeValue {
    AttributeValue::S(t.into())
}

impl From<HashMap<String, AttributeValue>> for Item {
    fn from(map: HashMap<String, AttributeValue>) -> Self {
        Self(map)
    }
}

impl From<Item> for HashMap<String, AttributeValue> {
    fn from(item: Item) -> Self {
        item.0
    }
}

impl Item {
    /// An empty row of this layout.
    pub fn new(layout: i64) -> Self {
        Self::default().n(LAYOUT, layout)
    }

    pub fn s(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), text(value));
        self
    }
    pub fn n(mut self, name: &str, value: i64) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::N(value.to_string()));
        self
    }
    pub fn b(mut self, name: &str, value: Vec<u8>) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::B(Blob::new(value)));
        self
    }
    pub fn flag(mut self, name: &str, value: bool) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::Bool(value));
        self
    }
    /// A document as JSON text.
    pub fn json<T: Serialize>(self, name: &str, value: &T) -> Result<Self, Fault> {
        let text = serde_json::to_string(value).map_err(Fault::internal)?;
        Ok(self.s(name, text))
    }
    /// An index key that is absent keeps the row out of the index.
    pub fn maybe_s(self, name: &str, value: Option<String>) -> Self {
        match value {
            Some(v) => self.s(name, v),
            None => self.without(name),
        }
    }
    pub fn maybe_n(self, name: &str, value: Option<i64>) -> Self {
        match value {
            Some(v) => self.n(name, v),
            None => self.without(name),
        }
    }
    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// Refuses a row of a later layout than `known`, and one without a layout.
    pub fn layout(&self, known: i64) -> Result<i64, Fault> {
        let v = self.get_n(LAYOUT)?;
        if v > known {
            let said = format!("a row is of layout {v}, this program knows {known}: use a newer one");
            return Err(Fault::new(FaultKind::Newer, said));
        }
        Ok(v)
    }

    pub fn attribute(&self, name: &str) -> Option<&AttributeValue> {
        self.0.get(name)
    }
    pub fn opt_s(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(|v| v.as_s().ok()).map(String::as_str)
    }
    pub fn get_s(&self, name: &str) -> Result<&str, Fault> {
        self.opt_s(name).ok_or_else(|| Self::lacks(name))
    }
    pub fn opt_n(&self, name: &str) -> Option<i64> {
        self.0.get(name).and_then(|v| v.as_n().ok()).and_then(|n| n.parse().ok())
    }
    pub fn get_n(&self, name: &str) -> Result<i64, Fault> {
        self.opt_n(name).ok_or_else(|| Self::lacks(name))
    }
    pub fn get_b(&self, name: &str) -> Result<&[u8], Fault> {
        self.0.get(name).and_then(|v| v.as_b().ok()).map(AsRef::as_ref).ok_or_else(|| Self::lacks(name))
    }
    pub fn get_flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(|v| v.as_bool().ok()).copied().unwrap_or(false)
    }
    pub fn get_json<T: DeserializeOwned>(&self, name: &str) -> Result<T, Fault> {
        serde_json::from_str(self.get_s(name)?).map_err(Fault::corrupt)
    }
    fn lacks(name: &str) -> Fault {
        Fault::corrupt(format!("a row has no readable {name}"))
    }

    /// The token of the last write.
    pub fn written(&self) -> Result<&str, Fault> {
        self.get_s(WRITTEN)
    }
    pub(super) fn stamp(&mut self, token: &str) {
        self.0.insert(WRITTEN.to_owned(), text(token));
    }

    /// As DynamoDB counts: names and values.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + weight(value)).sum()
    }
}

fn weight(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(s) | AttributeValue::N(s) => s.len(),
        AttributeValue::B(b) => b.as_ref().len(),
        AttributeValue::L(l) => 3 + l.iter().map(|v| 1 + weight(v)).sum::<usize>(),
        AttributeValue::M(m) => 3 + m.iter().map(|(k, v)| 1 + k.len() + weight(v)).sum::<usize>(),
        AttributeValue::Ss(s) | AttributeValue::Ns(s) => s.iter().map(String::len).sum(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_layout_is_refused_and_a_missing_one_is_damage() {
        assert_eq!(Item::new(1).layout(1).unwrap(), 1);
        assert_eq!(Item::new(2).layout(1).unwrap_err().kind, FaultKind::Newer);
        assert_eq!(Item::default().layout(1).unwrap_err().kind, FaultKind::Corrupt);
    }

    #[test]
    fn what_is_not_there_or_of_another_type_is_damage_not_a_panic() {
        let item = Item::new(1).s("a", "x").n("b", 7);
        assert_eq!((item.get_s("a").unwrap(), item.get_n("b").unwrap()), ("x", 7));
        assert_eq!(item.get_n("a").unwrap_err().kind, FaultKind::Corrupt);
        assert_eq!(item.get_json::<u8>("a").unwrap_err().kind, FaultKind::Corrupt);
    }
}
