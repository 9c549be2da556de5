//! A slice names no clock, randomness, environment or engine (invariant 1).

use std::fmt::Write as _;
use std::path::PathBuf;
use xtask::source::{production_lines, rust_files};

/// Text that betrays an impure slice, and what to use instead.
const FORBIDDEN: &[(&str, &str)] = &[
    ("SystemTime", "an Arc<dyn stdx::Clock>"),
    ("Instant::now", "an Arc<dyn stdx::Clock>"),
    ("SystemClock", "an Arc<dyn stdx::Clock>"),
    ("std::env", "a value from the configuration"),
    ("env!(", "a value from the configuration"),
    ("getrandom", "an Arc<dyn stdx::Entropy>"),
    ("OsEntropy", "an Arc<dyn stdx::Entropy>"),
    ("rand::", "an Arc<dyn stdx::Entropy>"),
    ("thread_rng", "an Arc<dyn stdx::Entropy>"),
    ("tokio::spawn", "a future the caller drives"),
    ("thread::spawn", "a future the caller drives"),
    ("rusqlite", "a port"),
    ("aws_sdk", "a port"),
    ("tokio::process", "a port"),
    ("std::process", "a port"),
];

#[test]
fn slices_name_no_clock_randomness_environment_or_engine() {
    let metadata = xtask::metadata();
    let engines: Vec<String> = metadata
        .packages
        .iter()
        .filter(|p| xtask::layer(p).as_deref() == Some("engine"))
        .map(|p| format!("{}::", p.name))
        .collect();
    let mut found = String::new();
    for package in &metadata.packages {
        if xtask::layer(package).as_deref() != Some("slice") {
            continue;
        }
        let src = package.manifest_path.parent().expect("a manifest has a folder").join("src");
        // Conformance cases are tests that ship behind a feature: they may race and wait.
        let production = |f: &PathBuf| !f.to_string_lossy().contains("/conformance");
        for file in rust_files(src.as_std_path()).into_iter().filter(production) {
            for (i, line) in production_lines(&file).iter().enumerate() {
                for (text, instead) in FORBIDDEN {
                    if line.contains(text) {
                        let _ = writeln!(found, "{}:{} names {text}: use {instead}", file.display(), i + 1);
                    }
                }
                for engine in engines.iter().filter(|e| line.contains(e.as_str())) {
                    let _ = writeln!(found, "{}:{} names the engine {engine}", file.display(), i + 1);
                }
            }
        }
    }
    assert!(found.is_empty(), "{found}");
}
