//! A document in an attribute: JSON without nulls, deflated where that saves write units.

use super::Item;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io::{Read, Write};
use stdx::Fault;

/// A document of up to this stays text, for whoever looks at the table; a write costs a unit a KB.
const TEXT_BYTES_MAX: usize = 512;
/// No document of ours is larger; a damaged one must not fill the memory.
const DOCUMENT_BYTES_MAX: u64 = 16 << 20;

/// A value as JSON. Nulls are left out: an absent field reads as none.
pub fn json<T: Serialize>(value: &T) -> Result<String, Fault> {
    let mut value = serde_json::to_value(value).map_err(Fault::internal)?;
    drop_nulls(&mut value);
    Ok(value.to_string())
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, v| !v.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(all) => all.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// In the zlib format, as `zlib.decompress` reads it.
pub fn deflate(text: &str) -> Result<Vec<u8>, Fault> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).map_err(Fault::internal)
}

pub fn inflate(bytes: &[u8]) -> Result<String, Fault> {
    let mut text = String::new();
    let mut decoder = ZlibDecoder::new(bytes).take(DOCUMENT_BYTES_MAX);
    decoder.read_to_string(&mut text).map_err(Fault::corrupt)?;
    Ok(text)
}

impl Item {
    /// As text (S) while it is short, deflated (B) where it is long.
    pub fn document<T: Serialize>(self, name: &str, value: &T) -> Result<Self, Fault> {
        let text = json(value)?;
        if text.len() <= TEXT_BYTES_MAX { Ok(self.s(name, text)) } else { Ok(self.b(name, deflate(&text)?)) }
    }

    /// Reads either form.
    pub fn get_document<T: DeserializeOwned>(&self, name: &str) -> Result<T, Fault> {
        match self.opt_s(name) {
            Some(text) => serde_json::from_str(text).map_err(Fault::corrupt),
            None => serde_json::from_str(&inflate(self.get_b(name)?)?).map_err(Fault::corrupt),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stdx::FaultKind;

    #[test]
    fn short_and_long_documents_come_back() {
        for n in [0u32, 1, 40, 4_000] {
            let value: Vec<(String, Option<u32>)> =
                (0..n).map(|n| (format!("ü{n}"), n.is_multiple_of(3).then_some(n))).collect();
            let item = Item::default().document("d", &value).unwrap();
            assert_eq!(item.opt_s("d").is_some(), n < 40);
            assert_eq!(item.get_document::<Vec<(String, Option<u32>)>>("d").unwrap(), value);
        }
    }

    #[test]
    fn damage_is_said_to_be_damage() {
        for broken in [Item::default(), Item::default().b("d", vec![1, 2, 3]), Item::default().s("d", "{")] {
            assert_eq!(broken.get_document::<Vec<u8>>("d").unwrap_err().kind, FaultKind::Corrupt);
        }
        let bomb = deflate(&" ".repeat((DOCUMENT_BYTES_MAX + 1) as usize)).unwrap();
        assert!(Item::default().b("d", bomb).get_document::<Vec<u8>>("d").is_err());
    }
}
