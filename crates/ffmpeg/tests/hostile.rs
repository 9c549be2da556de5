//! Every hostile file gets a typed answer in time, within bounds, and touches nothing outside its room.
//!
//! Each file is looked at by a process of its own (this same test binary), so that what it and its
//! children used can be measured for that file alone.

mod common;
mod hostile_files;

use catalog::Transform;
use common::{Bench, media, names, stem};
use hostile_files::{Bait, Hostile, all, mp4::Clip};
use moderation::port::MediaError;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

/// The bounds for a refusal.
const SECONDS_MAX: u64 = 30;
const CHILD_MB_MAX: i64 = 1_024;
const OUR_MB_MAX: i64 = 512;

/// What one file came to.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    verdict: String,
    detail: String,
    /// Until the verdict of the examination.
    millis: u64,
    cpu_millis: u64,
    /// Of the whole way, encoding and reading back included.
    child_mb: i64,
    our_mb: i64,
}

fn cpu_millis() -> u64 {
    let used = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the kernel counts");
    let (user, system) = (used.user_time(), used.system_time());
    ((user.tv_sec() + system.tv_sec()) * 1_000 + (user.tv_usec() + system.tv_usec()) / 1_000) as u64
}

async fn look(path: &Path) -> Row {
    let bench = Bench::new().await;
    let (started, before, whole) = (Instant::now(), cpu_millis(), Transform::default());
    let seen = bench.examine("file", path, &whole).await;
    let millis = started.elapsed().as_millis() as u64;
    if seen.is_err() {
        // A child that was killed is counted once it is reaped.
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    let cpu_millis = cpu_millis() - before;
    let (verdict, detail) = match seen {
        Err(e) => said(e),
        Ok(seen) => match bench.publish("file", path, (&seen, &whole)).await {
            Err(e) => said(e),
            Ok(done) => {
                let names: Vec<String> = done.plan.rungs.iter().map(|r| r.name.to_string()).collect();
                let detail = format!("{} ms, {}", seen.source.duration_ms.0, names.join(" "));
                ("published".to_owned(), detail)
            }
        },
    };
    let mb = |who| getrusage(who).expect("the kernel counts").max_rss() / 1_024;
    let (child_mb, our_mb) = (mb(UsageWho::RUSAGE_CHILDREN), mb(UsageWho::RUSAGE_SELF));
    Row { verdict, detail, millis, cpu_millis, child_mb, our_mb }
}

fn said(e: MediaError) -> (String, String) {
    match e {
        MediaError::Refused(r) => (r.code, r.message),
        other => ("untyped".into(), format!("{other:?}")),
    }
}

/// Not a test of its own: what the tests below run in a process for each file.
#[test]
fn one_file() {
    let Some(file) = std::env::var_os("SIGNAL_HOSTILE_FILE") else { return };
    let into = std::env::var_os("SIGNAL_HOSTILE_ROW").expect("where the row goes");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let row = runtime.block_on(look(Path::new(&file)));
    std::fs::write(into, serde_json::to_vec(&row).expect("is JSON")).expect("a file");
}

fn row_of(file: &Path, scratch: &Path) -> Row {
    let into = scratch.join("row.json");
    let _ = std::fs::remove_file(&into);
    let ran = std::process::Command::new(std::env::current_exe().expect("a path"))
        .args(["--exact", "one_file"])
        .env("SIGNAL_HOSTILE_FILE", file)
        .env("SIGNAL_HOSTILE_ROW", &into)
        .output()
        .expect("starts");
    assert!(ran.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&ran.stdout));
    serde_json::from_slice(&std::fs::read(&into).expect("a row")).expect("a row")
}

/// Whether other work takes the cores, so that the clock on the wall says little about us.
fn is_crowded() -> bool {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = text.split(' ').next().and_then(|l| l.parse().ok()).unwrap_or(0.0);
    load > 1.5 * std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as f64
}

struct Table {
    scratch: tempfile::TempDir,
    wrong: Vec<String>,
    rows: usize,
}

impl Table {
    fn new() -> Self {
        println!(
            "{:<42} {:<24} {:>6} {:>6} {:>8} {:>6}",
            "file", "verdict", "s", "cpu s", "child MB", "our MB"
        );
        Self { scratch: tempfile::tempdir().expect("a directory"), wrong: Vec::new(), rows: 0 }
    }

    fn check(&mut self, name: &str, file: &Path, expect: &str) {
        let row = row_of(file, self.scratch.path());
        let seconds = |ms: u64| format!("{}.{:02}", ms / 1_000, ms % 1_000 / 10);
        println!(
            "{name:<42} {:<24} {:>6} {:>6} {:>8} {:>6}  {:.60}",
            row.verdict,
            seconds(row.millis),
            seconds(row.cpu_millis),
            row.child_mb,
            row.our_mb,
            row.detail
        );
        self.rows += 1;
        let slow = row.millis > SECONDS_MAX * 1_000;
        let busy = row.cpu_millis > SECONDS_MAX * 1_000;
        if !expect.split('|').any(|e| e == row.verdict)
            || (slow && (busy || !is_crowded()))
            || row.child_mb > CHILD_MB_MAX
            || row.our_mb > OUR_MB_MAX
        {
            self.wrong.push(format!("{name}: {row:?}, expected {expect}"));
        }
    }

    fn end(self) {
        assert!(self.wrong.is_empty(), "of {} files:\n{}", self.rows, self.wrong.join("\n"));
    }
}

/// Counts opens of the canary and connections to the listener.
struct Traps {
    bait: Bait,
    inotify: Inotify,
    tcp: TcpListener,
    udp: UdpSocket,
    _dir: tempfile::TempDir,
}

impl Traps {
    fn set() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let canary = dir.path().join("canary");
        std::fs::write(&canary, Clip::new(320, 240, 60).file()).expect("a file");
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK).expect("inotify");
        inotify.add_watch(&canary, AddWatchFlags::IN_OPEN | AddWatchFlags::IN_ACCESS).expect("a watch");
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
        tcp.set_nonblocking(true).expect("a listener");
        let port = tcp.local_addr().expect("an address").port();
        let udp = UdpSocket::bind(("127.0.0.1", port)).expect("a port");
        udp.set_nonblocking(true).expect("a socket");
        Self { bait: Bait { canary, port }, inotify, tcp, udp, _dir: dir }
    }

    fn opens(&self) -> usize {
        self.inotify.read_events().map_or(0, |e| e.len())
    }

    fn connections(&self) -> usize {
        let tcp = std::iter::from_fn(|| self.tcp.accept().ok()).count();
        let udp = std::iter::from_fn(|| self.udp.recv_from(&mut [0; 64]).ok()).count();
        tcp + udp
    }
}

#[test]
fn the_traps_spring_when_nothing_is_in_a_jail() {
    let traps = Traps::set();
    assert_eq!((traps.opens(), traps.connections()), (0, 0));
    let list = traps.bait.canary.with_file_name("list");
    std::fs::write(&list, format!("ffconcat version 1.0\nfile '{}'\n", traps.bait.canary.display()))
        .expect("a file");
    let probe = |args: &[&str]| {
        let ran = std::process::Command::new("ffprobe").args(["-v", "error"]).args(args).output();
        ran.expect("runs").status.success()
    };
    assert!(probe(&["-f", "concat", "-safe", "0", list.to_str().expect("a path")]), "the canary is a video");
    assert!(traps.opens() > 0, "an open canary is noticed");
    let url = traps.bait.url();
    assert!(!probe(&["-rw_timeout", "300000", &url]), "nobody answers there");
    assert!(traps.connections() > 0, "a connection is noticed");
}

#[test]
fn hostile_files_are_answered_in_time_and_reach_nothing() {
    let (traps, mut table) = (Traps::set(), Table::new());
    let files = all(&traps.bait);
    assert!(files.len() >= 25);
    let only = std::env::var_os("SIGNAL_HOSTILE_ONLY").unwrap_or_default();
    let only = only.to_string_lossy();
    let dir = tempfile::tempdir().expect("a directory");
    for Hostile { name, expect, bytes } in files.into_iter().filter(|f| f.name.contains(&*only)) {
        let path = dir.path().join(name);
        std::fs::write(&path, &bytes).expect("a file");
        if let Some(keep) = std::env::var_os("SIGNAL_HOSTILE_KEEP") {
            std::fs::write(Path::new(&keep).join(name), &bytes).expect("a file");
        }
        table.check(name, &path, expect);
        let (opens, connections) = (traps.opens(), traps.connections());
        if (opens, connections) != (0, 0) {
            table
                .wrong
                .push(format!("{name}: opened the canary {opens} times, connected {connections} times"));
        }
    }
    println!("{} files, 0 opens of the canary, 0 connections", table.rows);
    table.end();
}

/// The broken and hostile files beside the checkout; [`media_table`] has their exact answers.
#[test]
fn every_shared_broken_or_hostile_file_has_its_row() {
    let Some(media) = media() else { return };
    let mut table = Table::new();
    for (class, expect) in [("hostile", HOSTILE), ("broken", BROKEN)] {
        for file in names(&media.join(class)) {
            let name = format!("{class}/{}", stem(&file));
            table.check(&name, &file, expect);
        }
    }
    table.end();
}

const HOSTILE: &str = "media.empty|media.not_media|media.unsupported_codec";
const BROKEN: &str = "media.too_large|media.unreadable|media.truncated|media.unsupported_codec|published";
