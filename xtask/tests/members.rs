//! A plain build compiles no AWS SDK.

use cargo_metadata::{MetadataCommand, PackageId};
use std::collections::{BTreeSet, HashMap};

#[test]
fn default_members_reach_no_aws_crate() {
    let metadata = MetadataCommand::new()
        .manifest_path(xtask::root().join("Cargo.toml"))
        .other_options(vec!["--locked".to_owned()])
        .exec()
        .expect("cargo metadata answers");
    let resolve = metadata.resolve.as_ref().expect("a resolved graph");
    let nodes: HashMap<&PackageId, _> = resolve.nodes.iter().map(|n| (&n.id, n)).collect();
    let mut left: Vec<&PackageId> = metadata.workspace_default_members.iter().collect();
    let mut reached = BTreeSet::new();
    while let Some(id) = left.pop() {
        if reached.insert(id) {
            left.extend(nodes[id].deps.iter().map(|d| &d.pkg));
        }
    }
    let names = reached.iter().map(|id| metadata[id].name.to_string());
    let aws: Vec<_> = names.filter(|n| n == "aws" || n.starts_with("aws-")).collect();
    assert!(aws.is_empty(), "a plain build would compile {aws:?}");
    assert!(metadata.workspace_packages().iter().any(|p| p.name.as_str() == "aws"));
}
