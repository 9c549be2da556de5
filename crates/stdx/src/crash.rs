//! Named points at which a test may kill the process, to prove that every step resumes.
//!
//! Nothing happens unless the root installs a hook, which it does in debug builds only.

use std::sync::OnceLock;

type Hook = Box<dyn Fn(&'static str) + Send + Sync>;

static HOOK: OnceLock<Hook> = OnceLock::new();

/// Says that execution stands at `name`. Free when no hook is installed.
pub fn reached(name: &'static str) {
    if let Some(hook) = HOOK.get() {
        hook(name);
    }
}

/// Installs the hook; the first one stays.
pub fn install(hook: impl Fn(&'static str) + Send + Sync + 'static) {
    let _ = HOOK.set(Box::new(hook));
}
