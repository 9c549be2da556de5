#![doc = include_str!("../README.md")]

pub mod source;

use cargo_metadata::{Metadata, MetadataCommand, Package};
use std::path::PathBuf;

/// The root of the checkout.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lives in the root").to_owned()
}

/// What cargo knows of the workspace, dependencies of others left out.
pub fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata answers")
}

/// The layer a crate declares in `[package.metadata.house]`.
pub fn layer(package: &Package) -> Option<String> {
    package.metadata.get("house")?.get("layer")?.as_str().map(str::to_owned)
}
