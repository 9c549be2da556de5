//! What a process over shared tables says when something is missing: one sentence, at the start.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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

/// The double and a scratch directory; both go with it.
struct Double {
    child: Child,
    endpoint: String,
    data: tempfile::TempDir,
}

impl Drop for Double {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Double {
    fn start() -> Option<Self> {
        let tool = dynoxide()?;
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

    /// Runs the binary until it ends; what it said on standard error.
    fn run(&self, args: &[&str], env: &[(&str, &str)]) -> (bool, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_signal"));
        command.args(args).arg("--data-dir").arg(self.data.path()).current_dir(self.data.path());
        for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            command.env_remove(name);
        }
        command
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("HOME", self.data.path())
            .env("SIGNAL_LOG__FILTER", "off")
            .env("SIGNAL_STORES__URL", "dynamodb://us-east-1/start-")
            .env("SIGNAL_STORES__ENDPOINT", &self.endpoint)
            .env("SIGNAL_SERVER__SECRET", "0123456789012345678901234567890123456789")
            .envs(env.iter().copied());
        let ended = command.stdin(Stdio::null()).output().expect("it runs");
        (ended.status.success(), String::from_utf8_lossy(&ended.stderr).trim().to_owned())
    }
}

const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];

#[test]
fn whatever_is_missing_is_said_in_one_sentence_that_names_the_setting() {
    let Some(double) = Double::start() else {
        println!("skipped: no double of DynamoDB");
        return;
    };
    let (ok, said) = double.run(&["operator"], &KEYS);
    assert!(!ok && said.starts_with("cannot start: there is no table start-Videos"), "{said}");
    assert!(said.contains("stores.url") && said.lines().count() == 1, "{said}");

    let (ok, said) = double.run(&["operator"], &[]);
    assert!(!ok && said.contains("the AWS chain finds no credentials"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");

    let nobody = [KEYS[0], KEYS[1], ("SIGNAL_STORES__ENDPOINT", "http://127.0.0.1:1")];
    let (ok, said) = double.run(&["operator"], &nobody);
    assert!(!ok && said.contains("nobody answers there: check the region and endpoint"), "{said}");

    let (ok, said) = double.run(&["operator"], &[KEYS[0], KEYS[1], ("SIGNAL_SERVER__SECRET", "")]);
    assert!(!ok && said.contains("SIGNAL_SERVER__SECRET"), "{said}");
}

#[test]
fn tables_of_the_contract_let_a_process_start_and_those_of_others_do_not() {
    let Some(double) = Double::start() else {
        println!("skipped: no double of DynamoDB");
        return;
    };
    let (ok, said) = double.run(&["contract", "--create"], &KEYS);
    assert!(ok, "{said}");
    let (ok, said) = double.run(&["contract", "--create"], &KEYS);
    assert!(ok, "once more changes nothing: {said}");
    let (ok, said) = double.run(&["operator"], &KEYS);
    assert!(ok, "{said}");
    let on_aws = [KEYS[0], KEYS[1], ("SIGNAL_STORES__ENDPOINT", "")];
    let (ok, said) = double.run(&["contract", "--create"], &on_aws);
    assert!(!ok && said.contains("at local doubles only"), "{said}");
}
