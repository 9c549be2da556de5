//! The web client is embedded from `clients/web/dist`; without it a page says how to build it.

use std::fs;
use std::path::Path;

fn main() {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../clients/web/dist");
    println!("cargo:rerun-if-changed={}", dist.display());
    if !dist.join("index.html").exists() {
        fs::create_dir_all(&dist).expect("the checkout is writable");
        let page = "<!doctype html><meta charset=utf-8><title>Signal Video</title>\
                    <p>The web client is not built into this binary. Build it with <code>make build</code>.";
        fs::write(dist.join("index.html"), page).expect("the checkout is writable");
    }
}
