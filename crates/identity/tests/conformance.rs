//! The memory stores keep every promise; broken ones are caught by name.

#[path = "saboteurs/mod.rs"]
mod saboteurs;

use identity::conformance::{account_cases, key_cases, link_cases, revocation_cases, session_cases};
use identity::{
    MemoryAccountStore, MemoryKeyStore, MemoryLinkStore, MemoryRevocationStore, MemorySessionStore,
};
use std::sync::Arc;
use testkit::trials;

fn main() {
    let mut all = trials("memory", account_cases(), || Arc::new(MemoryAccountStore::default()) as _);
    all.extend(trials("memory", session_cases(), || Arc::new(MemorySessionStore::default()) as _));
    all.extend(trials("memory", key_cases(), || Arc::new(MemoryKeyStore::default()) as _));
    all.extend(trials("memory", link_cases(), || Arc::new(MemoryLinkStore::default()) as _));
    all.extend(trials("memory", revocation_cases(), || Arc::new(MemoryRevocationStore::default()) as _));
    all.extend(saboteurs::trials());
    testkit::main(all);
}
