//! Keys in the order of their bytes, by walking directories: only those that can hold an answer.

use crate::error::StoreError;
use crate::meta::ObjectMeta;
use crate::name::{Entry, Place, encode, entry};
use crate::objects::Objects;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListQuery {
    pub prefix: String,
    /// Keys (and common prefixes) up to and with this one are left out.
    pub after: Option<String>,
    pub delimiter: Option<String>,
    pub limit: usize,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListPage {
    pub objects: Vec<ObjectMeta>,
    pub common_prefixes: Vec<String>,
    /// Ask again `after` this for more.
    pub next: Option<String>,
}

impl Objects {
    pub async fn list(&self, query: ListQuery) -> Result<ListPage, StoreError> {
        self.blocking(move |o| o.list_now(&query)).await
    }

    pub(crate) fn list_now(&self, query: &ListQuery) -> Result<ListPage, StoreError> {
        if query.limit == 0 {
            return Ok(ListPage::default());
        }
        let mut walk = Walk { objects: self, query, page: ListPage::default(), last: None };
        walk.dir(&self.base(), "")?;
        Ok(walk.page)
    }
}

struct Walk<'a> {
    objects: &'a Objects,
    query: &'a ListQuery,
    page: ListPage,
    /// The last name given out.
    last: Option<String>,
}

/// Whether the walk goes on.
enum Flow {
    On,
    Full,
}

impl Walk<'_> {
    fn dir(&mut self, dir: &Path, above: &str) -> Result<Flow, StoreError> {
        for (name, is_dir) in children(dir)? {
            let key = format!("{above}{name}");
            let flow = if is_dir { self.below(dir, &name, &key)? } else { self.object(&key)? };
            if matches!(flow, Flow::Full) {
                return Ok(Flow::Full);
            }
        }
        Ok(Flow::On)
    }

    /// `key` ends with `/`.
    fn below(&mut self, dir: &Path, name: &str, key: &str) -> Result<Flow, StoreError> {
        let prefix = self.query.prefix.as_str();
        if !(key.starts_with(prefix) || prefix.starts_with(key)) {
            return Ok(Flow::On);
        }
        if let Some(after) = &self.query.after
            && key < after.as_str()
            && !after.starts_with(key)
        {
            return Ok(Flow::On);
        }
        // Everything below shares one common prefix: one look is enough.
        if self.common(key).is_some_and(|c| self.page.common_prefixes.contains(&c)) {
            return Ok(Flow::On);
        }
        let component = name.strip_suffix('/').unwrap_or(name);
        self.dir(&dir.join(encode(component)), key)
    }

    fn object(&mut self, key: &str) -> Result<Flow, StoreError> {
        if !key.starts_with(&self.query.prefix) {
            return Ok(Flow::On);
        }
        let after = self.query.after.as_deref();
        if let Some(common) = self.common(key) {
            // The page before ended with this prefix, or within it.
            let told = after.is_some_and(|a| common.as_str() <= a || a.starts_with(&common));
            if !told && !self.page.common_prefixes.contains(&common) {
                if self.full() {
                    return Ok(Flow::Full);
                }
                self.page.common_prefixes.push(common.clone());
                self.last = Some(common);
            }
            return Ok(Flow::On);
        }
        if after.is_some_and(|a| key <= a) {
            return Ok(Flow::On);
        }
        if self.full() {
            return Ok(Flow::Full);
        }
        // Deleted since the directory was read: simply not there.
        if let Some(meta) = self.objects.meta_at(&Place::of(key)?)? {
            self.last = Some(meta.key.clone());
            self.page.objects.push(meta);
        }
        Ok(Flow::On)
    }

    fn full(&mut self) -> bool {
        let full = self.page.objects.len() + self.page.common_prefixes.len() >= self.query.limit;
        if full {
            self.page.next = self.last.clone();
        }
        full
    }

    /// The part of `key` up to and with the first delimiter after the prefix.
    fn common(&self, key: &str) -> Option<String> {
        let delimiter = self.query.delimiter.as_deref().filter(|d| !d.is_empty())?;
        let rest = key.strip_prefix(self.query.prefix.as_str())?;
        let at = rest.find(delimiter)?;
        Some(format!("{}{}", self.query.prefix, &rest[..at + delimiter.len()]))
    }
}

/// Names in key order; a directory's ends with `/`, as its keys go on with it.
fn children(dir: &Path) -> Result<Vec<(String, bool)>, StoreError> {
    let mut names = Vec::new();
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(names),
        Err(e) => return Err(e.into()),
    };
    for found in entries {
        let found = found?;
        let file_name = PathBuf::from(found.file_name());
        let Some(file_name) = file_name.to_str() else { continue };
        match entry(file_name, found.file_type()?.is_dir()) {
            Entry::Dir(name) => names.push((format!("{name}/"), true)),
            Entry::Object(name) => names.push((name, false)),
            Entry::Other => {}
        }
    }
    names.sort();
    Ok(names)
}
