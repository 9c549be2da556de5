//! The arrows of ARCHITECTURE.md, read from `cargo metadata`.

use cargo_metadata::DependencyKind;
use std::collections::BTreeMap;

/// Slices that may know each other: `(from, to)`. Everything else between slices is a wrong arrow.
const PAIRS: &[(&str, &str)] = &[
    ("upload", "catalog"),
    ("moderation", "catalog"),
    ("transcode", "catalog"),
    ("transcode", "moderation"),
    ("delivery", "catalog"),
    ("engagement", "events"),
    ("engagement", "catalog"),
    ("feed", "catalog"),
    ("feed", "engagement"),
    ("push", "catalog"),
];

fn may_point(from: (&str, &str), to: (&str, &str)) -> bool {
    match (from.1, to.1) {
        ("word", "word") => true,
        ("tool", "word" | "tool") => true,
        ("slice", "word" | "tool") => true,
        ("slice", "slice") => to.0 == "work" || PAIRS.contains(&(from.0, to.0)),
        ("engine", "word" | "tool" | "slice") => true,
        ("entrance", "word" | "slice") => true,
        ("root", "word" | "tool" | "slice" | "engine" | "entrance") => true,
        ("proof", _) => true,
        _ => false,
    }
}

#[test]
fn every_crate_declares_its_layer() {
    for package in xtask::metadata().packages {
        assert!(xtask::layer(&package).is_some(), "{} has no [package.metadata.house] layer", package.name);
    }
}

#[test]
fn every_arrow_points_the_right_way() {
    let metadata = xtask::metadata();
    let layers: BTreeMap<String, String> =
        metadata.packages.iter().filter_map(|p| Some((p.name.to_string(), xtask::layer(p)?))).collect();
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        let from = package.name.to_string();
        for dep in &package.dependencies {
            let Some(to_layer) = layers.get(&dep.name) else { continue };
            // Proof crates serve tests: as dev-dependencies or behind a `conformance` feature.
            let for_tests = dep.kind == DependencyKind::Development || dep.optional;
            if dep.kind == DependencyKind::Development || (to_layer == "proof" && for_tests) {
                continue;
            }
            if !may_point((&from, &layers[&from]), (&dep.name, to_layer)) {
                wrong.push(format!("{from} ({}) -> {} ({to_layer})", layers[&from], dep.name));
            }
        }
    }
    assert!(wrong.is_empty(), "wrong arrows:\n{}", wrong.join("\n"));
}

#[test]
fn the_rule_itself_refuses_what_it_should() {
    assert!(!may_point(("feed", "slice"), ("embedded", "engine")));
    assert!(!may_point(("embedded", "engine"), ("ffmpeg", "engine")));
    assert!(!may_point(("api", "entrance"), ("embedded", "engine")));
    assert!(!may_point(("vocab", "word"), ("catalog", "slice")));
    assert!(!may_point(("upload", "slice"), ("feed", "slice")));
    assert!(!may_point(("signal", "root"), ("testkit", "proof")));
    assert!(may_point(("upload", "slice"), ("work", "slice")));
}
