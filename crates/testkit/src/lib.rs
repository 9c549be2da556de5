#![doc = include_str!("../README.md")]

pub use libtest_mimic::Trial;
use libtest_mimic::{Arguments, Failed};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

type CaseFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One promise of a port, as an async function over any implementation of it.
#[derive(Clone)]
pub struct Case<P> {
    pub name: &'static str,
    run: Arc<dyn Fn(P) -> CaseFuture + Send + Sync>,
}

/// Names a case. The function asserts by panicking.
pub fn case<P, F, Fut>(name: &'static str, run: F) -> Case<P>
where
    F: Fn(P) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    Case { name, run: Arc::new(move |p| Box::pin(run(p))) }
}

fn block_on<F: Future>(f: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts")
        .block_on(f)
}

/// Whether a case passes on the implementation `make` gives it.
fn passes<P>(case: &Case<P>, port: P) -> Result<(), String> {
    let run = AssertUnwindSafe(|| block_on((case.run)(port)));
    std::panic::catch_unwind(run).map_err(|panic| {
        panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()))
            .unwrap_or_else(|| "panicked".to_owned())
    })
}

/// The cases as named tests `engine::case`, each on a fresh implementation.
pub fn trials<P: 'static>(
    engine: &str,
    cases: Vec<Case<P>>,
    make: impl Fn() -> P + Send + Sync + 'static,
) -> Vec<Trial> {
    trials_on(engine, cases, move || (make(), ()))
}

/// The same on implementations that keep files: each in a directory of its own, which goes with it.
pub fn trials_in<P: 'static>(
    engine: &str,
    cases: Vec<Case<P>>,
    make: impl Fn(&Path) -> P + Send + Sync + 'static,
) -> Vec<Trial> {
    trials_on(engine, cases, move || {
        let dir = tempfile::tempdir().expect("a directory");
        (make(dir.path()), dir)
    })
}

/// What comes with an implementation lives as long as the case and what it started.
fn trials_on<P: 'static, G: 'static>(
    engine: &str,
    cases: Vec<Case<P>>,
    make: impl Fn() -> (P, G) + Send + Sync + 'static,
) -> Vec<Trial> {
    let make = Arc::new(make);
    cases
        .into_iter()
        .map(|case| {
            let make = Arc::clone(&make);
            Trial::test(format!("{engine}::{}", case.name), move || {
                let (port, _ground) = make();
                passes(&case, port).map_err(Failed::from)
            })
        })
        .collect()
}

/// The names of the cases an implementation fails: what a saboteur is judged by.
pub fn failing<P>(cases: Vec<Case<P>>, make: impl Fn() -> P) -> Vec<&'static str> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let names = cases.iter().filter(|c| passes(c, make()).is_err()).map(|c| c.name).collect();
    std::panic::set_hook(hook);
    names
}

/// A test that a saboteur is caught by exactly `expected` (order of the table).
pub fn saboteur<P: 'static>(
    name: &str,
    cases: impl Fn() -> Vec<Case<P>> + Send + Sync + 'static,
    make: impl Fn() -> P + Send + Sync + 'static,
    expected: &'static [&'static str],
) -> Trial {
    Trial::test(format!("saboteur::{name}"), move || {
        let caught = failing(cases(), &make);
        if caught == expected {
            Ok(())
        } else {
            Err(Failed::from(format!("caught by {caught:?}, expected {expected:?}")))
        }
    })
}

/// Runs trials inside a program, one after the other: how many passed and failed.
pub fn run(trials: Vec<Trial>) -> (u64, u64) {
    let args = Arguments { test_threads: Some(1), ..Arguments::default() };
    let ended = libtest_mimic::run(&args, trials);
    (ended.num_passed, ended.num_failed)
}

/// Runs trials as a test binary (`harness = false`): four at a time, as they mostly wait; one at a time
/// where there are saboteurs, which swap the panic hook of the process.
pub fn main(trials: Vec<Trial>) -> ! {
    let mut args = Arguments::from_args();
    let alone = trials.iter().any(|t| t.name().starts_with("saboteur::"));
    args.test_threads.get_or_insert(if alone { 1 } else { 4 });
    libtest_mimic::run(&args, trials).exit()
}
