//! `signal doctor`: is this machine fit, and what to do where it is not.

use super::Ctx;
use crate::config::Config;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

/// Least free space that is called healthy.
const FREE_BYTES_WANTED: u64 = 2 << 30;
/// ffmpeg parts the pipeline cannot do without.
const ENCODERS: &[&str] = &["libx264", "aac", "mjpeg"];
const FILTERS: &[&str] = &["scale", "fps", "split", "tile", "loudnorm", "aresample", "atrim", "setpts"];

struct Check {
    name: &'static str,
    ok: bool,
    said: String,
    todo: String,
}

pub fn run(ctx: &Ctx, config: &Config) -> anyhow::Result<()> {
    let mut checks = vec![ffmpeg_there(), ffprobe_there()];
    if checks.iter().all(|c| c.ok) {
        checks.push(features("encoders", "-encoders", ENCODERS));
        checks.push(features("filters", "-filters", FILTERS));
        checks.extend(av1(config));
    }
    checks.push(jail(config));
    checks.push(disk(&ctx.data_dir));
    checks.push(port("port of the app", &config.server.host, config.server.port, "--port"));
    checks.push(port("port of the S3 door", &config.server.host, config.objects.port, "--s3-port"));
    checks.push(clock());
    let bad = checks.iter().filter(|c| !c.ok).count();
    if ctx.json {
        let list: Vec<Value> = checks
            .iter()
            .map(|c| json!({ "name": c.name, "ok": c.ok, "found": c.said, "todo": c.todo }))
            .collect();
        ctx.print_json(&json!({ "ok": bad == 0, "checks": list }))?;
    } else {
        for c in &checks {
            println!("{} {:<20} {}", if c.ok { "ok " } else { "BAD" }, c.name, c.said);
            if !c.ok {
                println!("    to do: {}", c.todo);
            }
        }
    }
    anyhow::ensure!(bad == 0, "{bad} of {} checks failed", checks.len());
    Ok(())
}

fn output(program: &str, args: &[&str]) -> Option<String> {
    let out = Command::new(program).args(args).output().ok()?;
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).into_owned())
}

fn tool(name: &'static str) -> Check {
    let text = output(name, &["-version"]);
    let said = text.as_deref().and_then(|t| t.lines().next()).unwrap_or("not found").to_owned();
    Check { name, ok: text.is_some(), said, todo: "install ffmpeg: apt-get install ffmpeg".into() }
}

fn ffmpeg_there() -> Check {
    tool("ffmpeg")
}

fn ffprobe_there() -> Check {
    tool("ffprobe")
}

fn features(name: &'static str, flag: &str, wanted: &[&str]) -> Check {
    let listed = output("ffmpeg", &["-hide_banner", flag]).unwrap_or_default();
    let has = |w: &str| listed.lines().any(|l| l.split_whitespace().nth(1) == Some(w));
    let missing: Vec<&str> = wanted.iter().copied().filter(|w| !has(w)).collect();
    Check {
        name,
        ok: missing.is_empty(),
        said: if missing.is_empty() { wanted.join(" ") } else { format!("missing {}", missing.join(" ")) },
        todo: "install a full ffmpeg build (Debian's has them all)".into(),
    }
}

/// Only where the settings ask for it.
fn av1(config: &Config) -> Option<Check> {
    const WANTED: &[&str] = &["libsvtav1"];
    let mut check = (config.encoder.av1_after_views > 0).then(|| features("AV1", "-encoders", WANTED))?;
    if !check.ok {
        check.todo.push_str(", or set encoder.av1_after_views = 0");
    }
    Some(check)
}

/// What a child is shut in with, and whether the settings let it go without.
fn jail(config: &Config) -> Check {
    let found = ffmpeg::doctor::sandbox(config.encoder.jail);
    Check {
        name: "media jail",
        ok: found.ok != Some(false),
        said: found.detail,
        todo: found.advice.unwrap_or_default(),
    }
}

fn disk(dir: &Path) -> Check {
    let mut there = dir;
    while !there.exists() {
        match there.parent() {
            Some(parent) => there = parent,
            None => break,
        }
    }
    let free = crate::disk::space(there).map_or(0, |s| s.free_bytes);
    Check {
        name: "disk",
        ok: free >= FREE_BYTES_WANTED,
        said: format!("{} MiB free at {}", free >> 20, dir.display()),
        todo: "make room, or choose another place with --data-dir".into(),
    }
}

fn port(name: &'static str, host: &str, port: u16, flag: &str) -> Check {
    let free = TcpListener::bind((host, port)).is_ok();
    Check {
        name,
        ok: free,
        said: if free { format!("{port} is free") } else { format!("{port} is taken") },
        todo: format!(
            "stop what uses it (perhaps a running signal up), or use {flag} {}",
            port.wrapping_add(10)
        ),
    }
}

fn clock() -> Check {
    let now = stdx::Clock::now(&stdx::SystemClock);
    // Ids count from 2024: an earlier clock would give ids out of order.
    let ok = now.0 > vocab::id::ID_EPOCH_UNIX_MS;
    Check {
        name: "clock",
        ok,
        said: if ok { "plausible".into() } else { "before 2024".into() },
        todo: "set the machine's clock".into(),
    }
}
