//! What set-up left in the tool cache.

use onnx::Engine;
use std::path::PathBuf;

pub fn find(below: &str) -> Option<PathBuf> {
    let var = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let cache = var("CACHE_DIR")
        .or_else(|| var("XDG_CACHE_HOME").map(|x| x.join("signal-video")))
        .or_else(|| var("HOME").map(|h| h.join(".cache/signal-video")))?;
    Some(cache.join(below)).filter(|path| path.exists())
}

/// Every engine of this machine.
pub fn engines() -> Vec<Engine> {
    let library = find("tools/onnxruntime/libonnxruntime.so");
    if library.is_none() {
        println!("skipped for ONNX Runtime: it is not installed (scripts/onnxruntime.sh does that)");
    }
    std::iter::once(Engine::Rten).chain(library.map(Engine::Runtime)).collect()
}
