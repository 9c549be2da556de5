//! Stands in for the engines of AWS in builds without them. The settings refuse their schemes before.

use super::stores::{Base, Records, StoredObjects};
use anyhow::bail;

const SAID: &str = "this build has no engines of AWS: build with --features aws";

pub async fn records(_: &Base<'_>, _region: &str, _prefix: &str) -> anyhow::Result<Records> {
    bail!(SAID)
}

pub async fn objects(_: &Base<'_>, _bucket: &str) -> anyhow::Result<StoredObjects> {
    bail!(SAID)
}
