//! Processes that stand in for services: one of each kind a test binary, killed with it.

use nix::sys::prctl;
use nix::sys::signal::Signal;
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port()
}

fn setting(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "tests find their tools by the environment")]
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

/// A tool the test scripts install; its directory is `SIGNAL_TOOLS` or the build cache's.
fn tool(name: &str) -> PathBuf {
    let cache = setting("SIGNAL_TOOLS").map(PathBuf::from).unwrap_or_else(|| {
        let home = setting("CACHE_DIR").map(PathBuf::from).unwrap_or_else(|| {
            let base = setting("XDG_CACHE_HOME")
                .map(PathBuf::from)
                .unwrap_or_else(|| PathBuf::from(setting("HOME").expect("a home")).join(".cache"));
            base.join("signal-video")
        });
        home.join("tools/bin")
    });
    cache.join(name)
}

/// Whether a missing double is a failure: `SIGNAL_TEST_REQUIRE=dynamodb,s3`.
fn required(what: &str) -> bool {
    setting("SIGNAL_TEST_REQUIRE").is_some_and(|all| all.split(',').any(|w| w == what || w == "all"))
}

/// How long a double may take to listen: a cold disk and a full machine are slow to load an interpreter.
const LISTENS_WITHIN: Duration = Duration::from_secs(120);

/// Starts a double on a free port. Between the look and its own bind another process may have taken
/// the port, so one that ends at once gets another.
fn start(command: impl Fn(u16) -> Command) -> String {
    let mut said = String::new();
    for _ in 0..3 {
        let port = free_port();
        match try_start(command(port), port) {
            Ok(at) => return at,
            Err(last_words) => said = last_words,
        }
    }
    panic!("the double ended three times: {said}");
}

fn try_start(mut command: Command, port: u16) -> Result<String, String> {
    // The double goes when this process goes, however it goes.
    // SAFETY: prctl is async-signal-safe and touches nothing of the parent.
    #[expect(unsafe_code, reason = "pre_exec has no safe form")]
    unsafe {
        command.pre_exec(|| prctl::set_pdeathsig(Signal::SIGKILL).map_err(std::io::Error::from));
    }
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the double starts");
    let begun = Instant::now();
    while !listens(child.id(), port) {
        if let Ok(Some(status)) = child.try_wait() {
            let mut said = String::new();
            let _ = child.stderr.take().map(|mut e| e.read_to_string(&mut said));
            return Err(format!("{status}: {said}"));
        }
        assert!(begun.elapsed() < LISTENS_WITHIN, "the double does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    // Nobody reads its log: a full pipe must not stop it.
    std::thread::spawn(move || {
        let _ = child.stderr.take().map(|mut err| std::io::copy(&mut err, &mut std::io::sink()));
        child.wait()
    });
    Ok(format!("http://127.0.0.1:{port}"))
}

/// Whether this very process listens there. That something answers is not enough: another process may have
/// taken the port first, and would go with all that was trusted to it.
fn listens(process: u32, port: u16) -> bool {
    let Ok(sockets) = std::fs::read_to_string("/proc/net/tcp") else { return false };
    // Address, state 0A = listening, and the tenth field is the socket's number.
    let at = format!("0100007F:{port:04X}");
    let listening = sockets.lines().find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let is_it = fields.get(1) == Some(&at.as_str()) && fields.get(3) == Some(&"0A");
        is_it.then(|| format!("socket:[{}]", fields.get(9).copied().unwrap_or_default()))
    });
    let Some(socket) = listening else { return false };
    let Ok(files) = std::fs::read_dir(format!("/proc/{process}/fd")) else { return false };
    files.flatten().any(|f| std::fs::read_link(f.path()).is_ok_and(|to| to.as_os_str() == socket.as_str()))
}

/// Says why and ends the process: a skipped binary is not a passed one.
fn absent(what: &str, why: &str) -> ! {
    if required(what) {
        eprintln!("{what} is required and missing: {why}");
        std::process::exit(1);
    }
    println!("skipped: {what} is missing: {why}");
    std::process::exit(0)
}

/// The address of the DynamoDB double. `prctl` binds it to the thread that starts it, so a thread of its own does.
pub fn dynamodb() -> String {
    static AT: OnceLock<String> = OnceLock::new();
    AT.get_or_init(|| {
        let program = tool("dynoxide");
        if !program.is_file() {
            absent("dynamodb", "`scripts/deps.sh doubles` installs it");
        }
        keep(move || {
            start(|port| {
                let mut command = Command::new(&program);
                command.args(["serve", "--host", "127.0.0.1", "--port", &port.to_string()]);
                command
            })
        })
    })
    .clone()
}

/// The scripts keep their Python environment in the cache beside the tools.
fn moto() -> PathBuf {
    tool("").join("../../venv/bin/moto_server")
}

/// The address of the double of SQS, SNS, EventBridge and Cognito.
pub fn sqs() -> String {
    static AT: OnceLock<String> = OnceLock::new();
    AT.get_or_init(|| {
        if !moto().is_file() {
            absent("sqs", "`scripts/test.sh` installs moto into its Python environment");
        }
        keep(|| {
            start(|port| {
                let mut command = Command::new(moto());
                command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
                command
            })
        })
    })
    .clone()
}

/// The same double for Cognito; `None` when it is missing and not required: the other cases go on.
pub fn oidc() -> Option<String> {
    let there = moto().is_file();
    if !there && required("oidc") {
        absent("oidc", "`scripts/test.sh` installs moto into its Python environment");
    }
    there.then(sqs)
}

/// Runs on a thread that never ends: the double lives as long as its parent thread.
fn keep(run: impl FnOnce() -> String + Send + 'static) -> String {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = tell.send(run());
        loop {
            std::thread::park();
        }
    });
    told.recv().expect("the double starts")
}
