//! The cases on the memory reader, and readers that are broken on purpose.

use async_trait::async_trait;
use bytes::Bytes;
use delivery::ObjectReader;
use delivery::conformance::{Stocked, cases};
use delivery::memory::MemoryObjectReader;
use std::sync::Arc;
use stdx::Fault;
use testkit::{saboteur, trials};
use vocab::MediaKey;

/// Spoils what an honest reader says.
struct Spoilt {
    honest: MemoryObjectReader,
    key: fn(&MediaKey) -> MediaKey,
    reply: fn(Option<Bytes>) -> Result<Option<Bytes>, Fault>,
}

#[async_trait]
impl ObjectReader for Spoilt {
    async fn read(&self, key: &MediaKey) -> Result<Option<Bytes>, Fault> {
        (self.reply)(self.honest.read(&(self.key)(key)).await?)
    }
}

#[async_trait]
impl Stocked for Spoilt {
    async fn put(&self, key: &MediaKey, bytes: Bytes) {
        self.honest.put((self.key)(key), bytes);
    }
}

fn make(
    key: fn(&MediaKey) -> MediaKey,
    reply: fn(Option<Bytes>) -> Result<Option<Bytes>, Fault>,
) -> Arc<dyn Stocked> {
    Arc::new(Spoilt { honest: MemoryObjectReader::default(), key, reply })
}

fn main() {
    let mut all = trials("memory", cases(), || Arc::new(MemoryObjectReader::default()) as Arc<dyn Stocked>);
    all.push(saboteur(
        "reads_the_first_buffer_only",
        cases,
        || make(MediaKey::clone, |b| Ok(b.map(|b| b.slice(..b.len().min(65_536))))),
        &["a_large_object_is_read_whole", "readers_at_once_agree"],
    ));
    all.push(saboteur(
        "takes_empty_for_missing",
        cases,
        || make(MediaKey::clone, |b| Ok(b.filter(|b| !b.is_empty()))),
        &["an_empty_object_is_there"],
    ));
    all.push(saboteur(
        "takes_missing_for_broken",
        cases,
        || make(MediaKey::clone, |b| b.ok_or_else(|| Fault::internal("no such file")).map(Some)),
        &["what_was_never_put_is_none"],
    ));
    all.push(saboteur(
        "forgets_the_rendition",
        cases,
        || {
            let key = |k: &MediaKey| match k.clone() {
                MediaKey::Segment { video, n, .. } => {
                    MediaKey::Segment { video, rendition: vocab::RenditionId(0), n }
                }
                other => other,
            };
            make(key, Ok)
        },
        &["neighbours_are_not_confused"],
    ));
    testkit::main(all)
}
