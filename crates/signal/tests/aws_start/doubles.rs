//! The double of DynamoDB, and the binary over it.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::io::Read;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A start that finds everything well goes on; no test here waits for that longer.
const RUN_WAIT: Duration = Duration::from_secs(60);

fn setting(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "tests find their tools by the environment")]
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

fn dynoxide() -> Option<PathBuf> {
    let cache = || {
        let base = setting("XDG_CACHE_HOME").map(PathBuf::from);
        let base = base.unwrap_or_else(|| PathBuf::from(setting("HOME").expect("a home")).join(".cache"));
        setting("CACHE_DIR").map(PathBuf::from).unwrap_or_else(|| base.join("signal-video")).join("tools/bin")
    };
    let tool = setting("SIGNAL_TOOLS").map(PathBuf::from).unwrap_or_else(cache).join("dynoxide");
    let required = setting("SIGNAL_TEST_REQUIRE").is_some_and(|all| all.contains("dynamodb"));
    assert!(
        tool.is_file() || !required,
        "dynamodb is required: `scripts/deps.sh doubles` installs its double"
    );
    tool.is_file().then_some(tool)
}

/// The double of DynamoDB and a scratch directory; both go with it.
pub struct Double {
    child: Child,
    pub endpoint: String,
    pub data: tempfile::TempDir,
}

impl Drop for Double {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Double {
    /// `None`, and it is said why, where there is none.
    pub fn start() -> Option<Self> {
        let Some(tool) = dynoxide() else {
            println!("skipped: no double of DynamoDB");
            return None;
        };
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let mut command = Command::new(tool);
        command.args(["serve", "--host", "127.0.0.1", "--port", &port.to_string()]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the double starts");
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(30), "the double does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        let data = tempfile::tempdir().expect("a directory");
        Some(Self { child, endpoint: format!("http://127.0.0.1:{port}"), data })
    }

    /// The binary over the double's tables, with nothing of this machine's own credentials.
    pub fn command(&self, args: &[&str], env: &[(&str, &str)]) -> Command {
        self.command_in(self.data.path(), args, env)
    }

    /// As [`Self::command`], with a data directory of its own.
    pub fn command_in(&self, data: &Path, args: &[&str], env: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_signal"));
        command.args(args).arg("--data-dir").arg(data).current_dir(self.data.path());
        for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            command.env_remove(name);
        }
        command
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("HOME", self.data.path())
            .env("SIGNAL_LOG__FILTER", "off")
            .env("SIGNAL_MODERATION__CLASSIFIER", "none:")
            .env("SIGNAL_STORES__URL", "dynamodb://us-east-1/start-")
            .env("SIGNAL_STORES__ENDPOINT", &self.endpoint)
            .env("SIGNAL_SERVER__SECRET", "0123456789012345678901234567890123456789")
            .envs(env.iter().copied())
            .stdin(Stdio::null());
        command
    }

    /// Runs the binary until it ends; what it said on standard error. One that goes on is ended.
    pub fn run(&self, args: &[&str], env: &[(&str, &str)]) -> (bool, String) {
        let mut command = self.command(args, env);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it runs");
        let mut said = child.stderr.take().expect("is piped");
        let reading = std::thread::spawn(move || {
            let mut all = String::new();
            let _ = said.read_to_string(&mut all);
            all
        });
        let began = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().expect("is asked") {
                break status;
            }
            if began.elapsed() > RUN_WAIT {
                let _ = child.kill();
                break child.wait().expect("ends");
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        (status.success(), reading.join().expect("is read").trim().to_owned())
    }
}

pub const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];

/// The keys, and more.
pub fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    KEYS.iter().chain(more).copied().collect()
}
