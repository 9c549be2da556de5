//! Where a key's files stand. Every key has exactly one place, and no key leaves the bucket's directory.

use crate::error::StoreError;
use std::path::PathBuf;

/// S3's own limit.
const KEY_BYTES_MAX: usize = 1024;
/// A file name has 255 bytes on every file system we meet; the generation takes 17.
const COMPONENT_BYTES_MAX: usize = 200;
/// Never part of an encoded name, so a file is never taken for a directory.
pub(crate) const MARK: char = ',';
const META: &str = "meta";

/// The place of one key, relative to the bucket's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub dir: PathBuf,
    stem: String,
}

impl Place {
    pub fn of(key: &str) -> Result<Self, StoreError> {
        if key.is_empty() || key.len() > KEY_BYTES_MAX || key.contains('\0') {
            return Err(StoreError::BadKey("1 to 1024 bytes without NUL"));
        }
        let mut parts: Vec<String> = key.split('/').map(encode).collect();
        if parts.iter().any(|p| p.len() > COMPONENT_BYTES_MAX) {
            return Err(StoreError::BadKey("a component has at most 200 encoded bytes"));
        }
        let stem = parts.pop().unwrap_or_default();
        Ok(Self { dir: parts.iter().collect(), stem })
    }

    pub fn meta(&self) -> PathBuf {
        self.dir.join(format!("{}{MARK}{META}", self.stem))
    }

    pub fn data(&self, generation: u64) -> PathBuf {
        self.dir.join(format!("{}{MARK}{generation:016x}", self.stem))
    }
}

/// What stands in a bucket's directory.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A further component of keys.
    Dir(String),
    /// The last component of a key that has an object.
    Object(String),
    Other,
}

pub(crate) fn entry(file_name: &str, is_dir: bool) -> Entry {
    match (is_dir, file_name.split_once(MARK)) {
        (true, None) => decode(file_name).map_or(Entry::Other, Entry::Dir),
        (false, Some((stem, META))) => decode(stem).map_or(Entry::Other, Entry::Object),
        _ => Entry::Other,
    }
}

/// Letters, digits, `-`, `_` and `.` (not in front) stay; the rest is `%XX`; nothing at all is `%`.
pub(crate) fn encode(component: &str) -> String {
    if component.is_empty() {
        return "%".to_owned();
    }
    let mut out = String::with_capacity(component.len());
    for (i, b) in component.bytes().enumerate() {
        match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => out.push(char::from(b)),
            b'.' if i > 0 => out.push('.'),
            _ => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}

fn decode(name: &str) -> Option<String> {
    if name == "%" {
        return Some(String::new());
    }
    let decoded = percent_encoding::percent_decode_str(name).decode_utf8().ok()?.into_owned();
    // Only our own spelling is ours.
    (encode(&decoded) == name).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::{Component, Path};

    #[test]
    fn our_keys_read_as_they_are() {
        let place = Place::of("raw/3f/0abc/0def").expect("a place");
        assert_eq!(place.meta(), Path::new("raw/3f/0abc/0def,meta"));
        assert_eq!(place.data(1), Path::new("raw/3f/0abc/0def,0000000000000001"));
    }

    #[test]
    fn tricks_stay_inside() {
        for key in
            ["../../etc/passwd", "a/../../b", "./x", "/etc/passwd", "a//b", "..", ".tmp/x", "a,meta", "a\\b"]
        {
            let meta = Place::of(key).expect("a place").meta();
            assert!(meta.components().all(|c| matches!(c, Component::Normal(_))), "{key} → {meta:?}");
            assert!(!meta.starts_with(".tmp"), "{key}");
        }
        assert!(Place::of("").is_err() && Place::of("a\0b").is_err() && Place::of(&"é".repeat(200)).is_err());
    }

    proptest! {
        #[test]
        fn every_key_has_its_own_place(a in "[ -~é/]{1,40}", b in "[ -~é/]{1,40}") {
            let (pa, pb) = (Place::of(&a).expect("a place"), Place::of(&b).expect("a place"));
            prop_assert_eq!(a == b, pa.meta() == pb.meta());
        }

        #[test]
        fn no_file_is_another_keys_directory(a in "[a-c,./%]{1,8}", b in "[a-c,./%]{1,8}") {
            let (pa, pb) = (Place::of(&a).expect("a place"), Place::of(&b).expect("a place"));
            prop_assert!(!pb.dir.starts_with(pa.meta()) && !pb.dir.starts_with(pa.data(7)));
        }

        #[test]
        fn names_come_back(component in ".{0,30}") {
            prop_assume!(!component.contains('\0') && !component.contains('/'));
            prop_assert_eq!(entry(&encode(&component), true), Entry::Dir(component));
        }
    }
}
