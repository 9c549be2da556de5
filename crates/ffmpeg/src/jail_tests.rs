//! What a child in the jail can and cannot do, tried with a shell in place of ffmpeg.

use super::{Jail, Kernel, cpu_ms, resident_bytes};
use crate::child::{self, Done, Task, Trouble};
use crate::policy::{JailMode, Limits};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

struct Cell {
    dir: tempfile::TempDir,
}

impl Cell {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        for name in ["in", "out", "elsewhere"] {
            std::fs::create_dir(dir.path().join(name)).expect("a directory");
        }
        std::fs::write(dir.path().join("in/input"), "allowed").expect("a file");
        std::fs::write(dir.path().join("elsewhere/secret"), "forbidden").expect("a file");
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn task(&self, script: &str, change: impl FnOnce(&mut Limits)) -> Task {
        let mut limits = Limits::default();
        change(&mut limits);
        Task {
            program: "/bin/bash".into(),
            args: vec!["-c".into(), script.into()],
            jail: Jail {
                read: vec![self.path("in")],
                write: self.path("out"),
                cpu_s: 20,
                limits,
                mode: JailMode::BestEffort,
            },
            wall: Duration::from_secs(20),
            stall: None,
            stdout_bytes: 1 << 20,
        }
    }

    async fn run(&self, script: &str) -> Done {
        child::run(&self.task(script, |_| {}), None).await.expect("runs")
    }
}

fn text(done: &Done) -> String {
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

#[tokio::test]
async fn it_reads_its_input_and_writes_its_output() {
    let cell = Cell::new();
    let done = cell.run("cat ../in/input && echo made > made && cat made").await;
    assert!(done.status.success(), "{}", done.log.last_words());
    assert_eq!(text(&done), "allowedmade");
}

#[tokio::test]
async fn it_reads_and_writes_nothing_else() {
    if Kernel::running().landlock == 0 {
        println!("skipped: this kernel has no Landlock");
        return;
    }
    let cell = Cell::new();
    for script in [
        "cat ../elsewhere/secret",
        "ls ..",
        "cat /etc/passwd",
        "echo x > ../elsewhere/new",
        "echo x >> ../in/input",
        "echo x > /tmp/signal-jail-test",
        "ln -s ../elsewhere/secret link && cat link",
    ] {
        let done = cell.run(script).await;
        assert!(!done.status.success() && done.stdout.is_empty(), "{script}: {}", text(&done));
    }
    let secret = std::fs::read_to_string(cell.path("in/input")).expect("a file");
    assert_eq!(secret, "allowed");
}

#[tokio::test]
async fn it_opens_no_connection() {
    let cell = Cell::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    for kind in ["tcp", "udp"] {
        let done = cell.run(&format!("echo hello > /dev/{kind}/127.0.0.1/{port}")).await;
        assert!(!done.status.success(), "{kind}");
    }
    assert!(listener.accept().is_err());
}

#[tokio::test]
async fn it_has_an_empty_environment_and_limits() {
    let cell = Cell::new();
    let done = cell.run("echo $CARGO_MANIFEST_DIR-$USER; ulimit -c; ulimit -n; ulimit -v; nice").await;
    let said = text(&done);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[..4], ["-", "0", "256", "4194304"]);
    assert!(lines[4].parse::<i32>().is_ok_and(|n| n >= 10), "{lines:?}");
}

#[tokio::test]
async fn it_dies_of_too_much_cpu_and_says_so() {
    let cell = Cell::new();
    let mut task = cell.task("while :; do :; done", |_| {});
    task.jail.cpu_s = 1;
    let done = child::run(&task, None).await.expect("ends by itself");
    assert_eq!(done.status.signal(), Some(libc::SIGXCPU));
}

#[tokio::test]
async fn a_child_that_does_not_move_is_killed_though_it_ignores_every_request() {
    let cell = Cell::new();
    let stalled = |script: &'static str| {
        let mut task = cell.task(script, |_| {});
        task.stall = Some(Duration::from_millis(1_200));
        async move { child::run(&task, None).await.expect_err("is killed") }
    };
    let lazy = stalled("trap '' TERM INT HUP; sleep 60").await;
    assert!(matches!(lazy, Trouble::Stalled { busy: false, .. }), "{lazy}");
    let busy = stalled("trap '' TERM INT HUP; while :; do :; done").await;
    assert!(matches!(busy, Trouble::Stalled { .. }), "{busy}");
}

#[tokio::test]
async fn time_and_output_are_bounded() {
    let cell = Cell::new();
    let mut task = cell.task("sleep 60", |_| {});
    task.wall = Duration::from_millis(300);
    assert!(matches!(child::run(&task, None).await, Err(Trouble::Wall(_))));
    let task = cell.task("while :; do echo 0123456789012345678901234567890123456789; done", |_| {});
    assert!(matches!(child::run(&task, None).await, Err(Trouble::Flood)));
}

#[tokio::test]
async fn a_child_that_takes_too_much_memory_is_killed() {
    let cell = Cell::new();
    let script = "x=x; for i in {1..26}; do x=$x$x; done; sleep 60";
    let mut task = cell.task(script, |limits| limits.resident_bytes = 32 << 20);
    task.jail.mode = JailMode::BestEffort;
    let trouble = child::run(&task, None).await.expect_err("is killed");
    assert!(matches!(trouble, Trouble::Greedy(_)), "{trouble}");
}

#[tokio::test]
async fn where_the_jail_is_required_a_child_starts_only_when_it_is_whole() {
    let cell = Cell::new();
    let mut task = cell.task("echo in", |_| {});
    task.jail.mode = JailMode::Required;
    match (Kernel::running().lacks(), child::run(&task, None).await) {
        (None, ran) => assert_eq!(text(&ran.expect("runs")), "in"),
        (Some(_), refused) => assert!(matches!(refused, Err(Trouble::Start(_))), "{refused:?}"),
    }
}

fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

async fn pid_in(path: &Path) -> String {
    for _ in 0..200 {
        match std::fs::read_to_string(path) {
            Ok(pid) if pid.ends_with('\n') => return pid.trim().to_owned(),
            _ => tokio::time::sleep(Duration::from_millis(25)).await,
        }
    }
    panic!("no child started");
}

async fn dies(pid: &str) {
    for _ in 0..100 {
        if !lives(pid) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("process {pid} lives on");
}

#[tokio::test]
async fn the_group_dies_with_the_future() {
    let cell = Cell::new();
    let task = cell.task("sleep 60 & echo $! > grandchild; echo $$ > pid; wait", |_| {});
    let (child, grandchild) = tokio::select! {
        _ = child::run(&task, None) => panic!("must not end"),
        pids = async { (pid_in(&cell.path("out/pid")).await, pid_in(&cell.path("out/grandchild")).await) } => pids,
    };
    dies(&child).await;
    dies(&grandchild).await;
}

/// Not a test of its own: the process that the next test kills.
#[tokio::test]
async fn victim() {
    let Some(out) = std::env::var_os("SIGNAL_JAIL_VICTIM") else { return };
    let cell = Cell::new();
    let mut task = cell.task("echo $$ > pid; exec sleep 60", |_| {});
    task.jail.write = out.into();
    let _ = child::run(&task, None).await;
}

#[tokio::test]
async fn a_child_dies_with_our_process() {
    let out = tempfile::tempdir().expect("a directory");
    let mut victim = std::process::Command::new(std::env::current_exe().expect("a path"))
        .args(["--exact", "jail::tests::victim"])
        .env("SIGNAL_JAIL_VICTIM", out.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("starts");
    let child = pid_in(&out.path().join("pid")).await;
    assert!(lives(&child));
    victim.kill().expect("is killed");
    victim.wait().expect("ends");
    dies(&child).await;
}

#[test]
fn our_own_cpu_time_is_known() {
    let spin = std::time::Instant::now();
    while spin.elapsed() < Duration::from_millis(60) {}
    assert!(cpu_ms(std::process::id()) > 0);
    assert!(resident_bytes(std::process::id()) > 1 << 20);
    assert_eq!(cpu_ms(u32::MAX), 0);
}
