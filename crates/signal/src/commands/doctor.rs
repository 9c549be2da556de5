//! `signal doctor`: is this machine fit, and what to do where it is not.

use super::Ctx;
use crate::config::Config;
use crate::wiring::classifier::{Chosen, choose};
use crate::wiring::media::ffmpeg_policy;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::Path;

/// Least free space that is called healthy.
const FREE_BYTES_WANTED: u64 = 2 << 30;

struct Check {
    name: &'static str,
    ok: bool,
    said: String,
    todo: String,
}

pub async fn run(ctx: &Ctx, config: &Config) -> anyhow::Result<()> {
    let mut checks = media(config).await;
    checks.push(classifier(config));
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

/// What media work needs of this machine, in the engine's words.
async fn media(config: &Config) -> Vec<Check> {
    let policy = ffmpeg_policy(config);
    let mut found = ffmpeg::doctor::examine(&policy).await;
    if config.encoder.av1_after_views > 0 {
        found.push(ffmpeg::doctor::av1(&policy.ffmpeg, true).await);
    }
    let check = |f: ffmpeg::doctor::Finding| Check {
        name: f.name,
        ok: f.ok != Some(false),
        said: f.detail,
        todo: f.advice.unwrap_or_default(),
    };
    found.into_iter().map(check).collect()
}

/// Who looks at uploads first, tried with the picture whose answer is known.
fn classifier(config: &Config) -> Check {
    let (ok, said) = match choose(&config.moderation.classifier, &config.moderation.onnx_runtime) {
        Ok(Chosen::Model(model)) => (true, format!("{} {}", model.name(), model.version())),
        Ok(Chosen::People) => (true, "none: a person looks at every video".into()),
        Ok(Chosen::Outside) => (true, "a service of AWS".into()),
        Ok(Chosen::Missing(_)) => {
            (true, "no model is installed (`make up` does): a person looks at every video".into())
        }
        Err(e) => (false, format!("{e:#}")),
    };
    let todo = "set moderation.classifier (`none:` = a person looks at every video)".into();
    Check { name: "classifier", ok, said, todo }
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
