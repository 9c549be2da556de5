//! Sizes and habits. `xtask/allow.txt` lists what is over a limit; it may only shrink.

use std::collections::BTreeSet;
use std::fs;
use xtask::source::{functions, production_lines, rust_files};

const FILE_LINES_HARD: usize = 600;
const FUNCTION_LINES: usize = 70;
const LIB_LINES: usize = 60;

fn allowed() -> BTreeSet<String> {
    fs::read_to_string(xtask::root().join("xtask/allow.txt"))
        .unwrap_or_default()
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

fn findings() -> BTreeSet<String> {
    let root = xtask::root();
    let mut found = BTreeSet::new();
    for file in rust_files(&root.join("crates")).into_iter().chain(rust_files(&root.join("xtask/src"))) {
        let name = file.strip_prefix(&root).expect("below the root").display().to_string();
        let total = fs::read_to_string(&file).expect("readable").lines().count();
        let lines = production_lines(&file);
        if total > FILE_LINES_HARD {
            found.insert(format!("{name}: file over {FILE_LINES_HARD} lines"));
        }
        if name.ends_with("src/lib.rs") && lines.len() > LIB_LINES && !name.contains("testkit") {
            found.insert(format!("{name}: lib.rs over {LIB_LINES} lines"));
        }
        let production =
            !name.contains("/tests/") && !name.contains("conformance") && !name.contains("/benches/");
        for (function, _, length) in functions(&lines) {
            if length > FUNCTION_LINES && production {
                found.insert(format!("{name}: fn {function} over {FUNCTION_LINES} lines"));
            }
        }
        if production && !name.contains("testkit") && lines.iter().any(|l| l.contains(".unwrap()")) {
            found.insert(format!("{name}: unwrap() outside tests"));
        }
    }
    found
}

#[test]
fn sizes_hold_and_the_allow_list_only_shrinks() {
    let (found, allowed) = (findings(), allowed());
    let new: Vec<_> = found.difference(&allowed).collect();
    let stale: Vec<_> = allowed.difference(&found).collect();
    assert!(new.is_empty(), "over a limit:\n{new:#?}");
    assert!(stale.is_empty(), "no longer over a limit, take them out of xtask/allow.txt:\n{stale:#?}");
}

#[test]
fn every_crate_says_what_it_promises() {
    for package in xtask::metadata().packages {
        let readme = package.manifest_path.parent().expect("a folder").join("README.md");
        let text = fs::read_to_string(&readme).unwrap_or_default();
        assert!(text.lines().count() >= 3, "{readme} is missing or says nothing");
    }
}

#[test]
fn the_workspace_lists_no_dependency_that_no_crate_uses() {
    let manifest = fs::read_to_string(xtask::root().join("Cargo.toml")).expect("readable");
    let (_, list) = manifest.split_once("[workspace.dependencies]").expect("a list");
    let list = list.split("\n[").next().unwrap_or_default();
    let outside = list.lines().filter(|l| !l.starts_with('#') && !l.contains("path ="));
    let listed: BTreeSet<&str> = outside.filter_map(|l| Some(l.split_once('=')?.0.trim())).collect();
    let packages = xtask::metadata().packages;
    let used: BTreeSet<&str> = packages
        .iter()
        .flat_map(|p| &p.dependencies)
        .map(|d| d.rename.as_ref().unwrap_or(&d.name).as_str())
        .collect();
    let unused: Vec<_> = listed.difference(&used).collect();
    assert!(!listed.is_empty() && unused.is_empty(), "no crate uses {unused:?}");
}
