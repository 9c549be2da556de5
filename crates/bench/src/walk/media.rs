//! A phone clip from complete to published, and what the whole product spends on it until its last rung is
//! shown, against one ffmpeg process an artefact. The engine alone, at the baseline's settings, is measured by
//! the media group.

use crate::media::studio::plain_ffmpeg;
use crate::report::{Better, Figure, Report};
use crate::server::Server;
use anyhow::{Context, ensure};
use serde_json::json;
use signal::client::{Client, text_of};
use signal::commands::upload::{Bar, hash, send_parts};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Length of the looped clip.
pub const CLIP_S: f64 = 14.0;
/// The rungs that it is shown in at last; the baseline encodes the same.
const RUNGS: usize = 4;
const WAIT: Duration = Duration::from_secs(180);
/// The product adds what the baseline has not: probes, a decode before publication, the store.
const PRODUCT_CPU: &str = "product_cpu_to_last_rung_vs_one_process_per_artefact";

pub async fn run(server: &Server, media: &Path, report: &mut Report) -> anyhow::Result<()> {
    let source = media.join("natural/nail_portrait_1080x1916_30fps.mp4");
    if !source.is_file() {
        report.skip("publish_vs_clip_length", "the real phone clip is not there");
        report.skip(PRODUCT_CPU, "the real phone clip is not there");
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let clip = phone_clip(&source, dir.path())?;
    let operator = server.operator().await?;
    let first = publish(server, &operator, &clip).await?;
    let all = all_rungs(server, &operator, &first).await?;
    report.add(&Figure {
        name: "publish_vs_clip_length",
        value: first.wall_s,
        unit: "s",
        baseline: Some(CLIP_S),
        target: 1.5,
        better: Better::Lower,
    });
    let naive_s = naive_cpu(&clip, dir.path())?;
    println!(
        "NOTE until it is published: {:.2} CPU-s, {:.3} of the baseline",
        first.cpu_s,
        first.cpu_s / naive_s
    );
    report.add(&Figure {
        name: PRODUCT_CPU,
        value: all.cpu_s,
        unit: "cpu-s",
        baseline: Some(naive_s),
        target: 0.72,
        better: Better::Lower,
    });
    Ok(())
}

/// The portrait clip looped to [`CLIP_S`], with a tone as its sound.
pub fn phone_clip(source: &Path, dir: &Path) -> anyhow::Result<PathBuf> {
    let clip = dir.join("phone.mp4");
    let status = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-stream_loop", "1", "-i"])
        .arg(source)
        .args(["-f", "lavfi", "-i", "sine=frequency=330:sample_rate=48000", "-map", "0:v", "-map", "1:a"])
        .args(["-t", &CLIP_S.to_string(), "-c:v", "copy", "-ac", "2", "-c:a", "aac", "-b:a", "96k"])
        .arg(&clip)
        .status()?;
    ensure!(status.success(), "cannot make the phone clip");
    Ok(clip)
}

/// From complete to published.
pub struct Published {
    pub video: String,
    pub wall_s: f64,
    pub cpu_s: f64,
    started: Instant,
    cpu_before: f64,
}

/// From complete to the last rung.
pub struct Whole {
    pub wall_s: f64,
    pub cpu_s: f64,
}

/// Uploads, approves, and asks until it is live.
pub async fn publish(server: &Server, operator: &Client, clip: &Path) -> anyhow::Result<Published> {
    let size = std::fs::metadata(clip)?.len();
    let sha256 = hash(clip)?;
    let body = json!({ "filename": "phone.mp4", "size_bytes": size, "sha256": sha256, "title": "bench" });
    let upload = operator.post("/v1/uploads", &body).await?;
    send_parts(operator, &upload, clip, &Bar::hidden()).await?;
    let id = text_of(&upload, "upload_id")?;
    let cpu_before = server.cpu_s()?;
    let started = Instant::now();
    let done = operator.post(&format!("/v1/uploads/{id}/complete"), &json!({ "sha256": sha256 })).await?;
    let video = text_of(&done, "video_id")?;
    loop {
        let v = operator.get(&format!("/v1/videos/{video}")).await?;
        match v["status"].as_str().context("status")? {
            "published" => {
                let (wall_s, cpu_s) = (started.elapsed().as_secs_f64(), server.cpu_s()? - cpu_before);
                return Ok(Published { video, wall_s, cpu_s, started, cpu_before });
            }
            "in_review" => {
                let body = json!({ "decision": "approve", "reason": "benchmark" });
                operator.post(&format!("/v1/moderation/videos/{video}/decision"), &body).await?;
            }
            "failed" | "rejected" => anyhow::bail!("the phone clip was not published: {v}"),
            _ => {}
        }
        ensure!(started.elapsed() < WAIT, "not published after {WAIT:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until viewers are shown every rung.
pub async fn all_rungs(server: &Server, operator: &Client, first: &Published) -> anyhow::Result<Whole> {
    loop {
        let page = operator.get(&format!("/v1/videos/{}", first.video)).await?;
        let rungs = page["playback"]["rungs"].as_array().map_or(0, Vec::len);
        if rungs >= RUNGS {
            let (wall_s, cpu_s) = (first.started.elapsed().as_secs_f64(), server.cpu_s()? - first.cpu_before);
            return Ok(Whole { wall_s, cpu_s });
        }
        ensure!(first.started.elapsed() < 2 * WAIT, "only {rungs} rungs of {RUNGS}: {page}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// CPU seconds of the naive way: four rungs, audio, loudness, poster, sprite and frames, a process each.
pub fn naive_cpu(clip: &Path, dir: &Path) -> anyhow::Result<f64> {
    let before = children_cpu_s()?;
    for (short, cap_kbps) in [(240, 400), (360, 700), (540, 1100), (720, 2000)] {
        naive_rung(clip, short, cap_kbps, &dir.join(format!("{short}.mp4")))?;
    }
    let loud = "-map 0:a -af loudnorm=I=-16:TP=-1.5:LRA=11,aresample=48000,aformat=channel_layouts=stereo -c:a aac -b:a 96k";
    plain_ffmpeg(clip, loud, &dir.join("a.m4a"))?;
    plain_ffmpeg(clip, "-map 0:a -af loudnorm=print_format=json -f null", Path::new("-"))?;
    plain_ffmpeg(clip, "-map 0:v -vf thumbnail,scale=720:-2 -frames:v 1", &dir.join("poster.jpg"))?;
    plain_ffmpeg(clip, "-map 0:v -vf fps=1,scale=90:160,tile=10x10 -frames:v 1", &dir.join("sprite.jpg"))?;
    plain_ffmpeg(clip, "-map 0:v -vf fps=1,scale=720:-2 -q:v 3", &dir.join("f_%03d.jpg"))?;
    Ok(children_cpu_s()? - before)
}

/// The same encoder settings as ours, so that the layout of the work is what is compared.
fn naive_rung(clip: &Path, short: u32, cap_kbps: u32, out: &Path) -> anyhow::Result<()> {
    let line = format!(
        "-map 0:v -vf fps=30,scale={short}:-2 -c:v libx264 -preset veryfast \
         -x264-params {} -profile:v high -crf 24 \
         -maxrate {cap_kbps}k -bufsize {}k -g 60 -keyint_min 60 -sc_threshold 0 -pix_fmt yuv420p \
         -movflags +cmaf -f mp4",
        ffmpeg::X264_TUNED,
        2 * cap_kbps
    );
    plain_ffmpeg(clip, &line, out)
}

fn children_cpu_s() -> anyhow::Result<f64> {
    use nix::sys::resource::{UsageWho, getrusage};
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |t: nix::sys::time::TimeVal| t.tv_sec() as f64 + t.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}
