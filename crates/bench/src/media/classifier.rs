//! The local model: cost of a frame, memory, and what it thinks of harmless clips.

use super::studio::{Studio, cpu_s, name_of, publishable};
use crate::report::{Better, Figure, Report};
use anyhow::{Context, ensure};
use moderation::{FrameClassifier, JudgedFrame, Ruling, SampledFrame, sampling, verdict};
use onnx::{Engine, LocalClassifier, tfjs};
use signal::wiring::classifier::{MODEL, engine, model_dir};
use std::path::{Path, PathBuf};
use std::process::Command;
use vocab::{Millis, Verdict};

/// A harmless clip and what pass A took of it.
struct Clip {
    file: PathBuf,
    duration: Millis,
    frames: Vec<SampledFrame>,
}

/// With one thread, as the target has it; the product looks at two frames at once where there are two cores.
fn installed(engine: &Engine) -> anyhow::Result<Option<LocalClassifier>> {
    let files = tfjs::installed(&model_dir(), MODEL);
    Ok(files.as_ref().map(|f| LocalClassifier::with_lanes(f, engine, 1)).transpose()?)
}

/// CPU of one of these frames, its reading and resizing included, in milliseconds.
async fn frame_ms(model: &LocalClassifier, frames: &[SampledFrame]) -> anyhow::Result<f64> {
    let before_s = cpu_s()?;
    let answers = model.classify(frames).await?;
    ensure!(answers.len() == frames.len(), "{} answers to {} frames", answers.len(), frames.len());
    Ok((cpu_s()? - before_s) * 1000.0 / frames.len() as f64)
}

pub async fn run(
    studio: &Studio,
    (signal, media): (&Path, &Path),
    report: &mut Report,
) -> anyhow::Result<()> {
    let Some(model) = installed(&engine(""))? else {
        report.skip("classifier", "the model is not installed (scripts/classifier.sh)");
        return Ok(());
    };
    let files = publishable(media)?;
    let mut clips = Vec::new();
    for file in &files {
        match studio.examine(file).await {
            Ok(seen) if !seen.frames.is_empty() => {
                let duration = seen.source.duration_ms;
                clips.push(Clip { file: file.clone(), duration, frames: seen.frames });
            }
            Ok(_) => println!("NOTE {}: no frame", name_of(file)),
            Err(e) => println!("NOTE {}: not examined: {e:#}", name_of(file)),
        }
    }
    report.add(&Figure {
        name: "harmless_clips_looked_at",
        value: clips.len() as f64,
        unit: "clips",
        baseline: None,
        target: files.len() as f64,
        better: Better::Higher,
    });
    let frames: Vec<SampledFrame> = clips.iter().flat_map(|c| c.frames.iter().cloned()).collect();
    let product_ms = frame_ms(&model, &frames).await?;
    if model.engine() != Engine::Rten.name()
        && let Some(rten) = installed(&Engine::Rten)?
    {
        println!("NOTE the same frames by rten: {:.1} ms of CPU each", frame_ms(&rten, &frames).await?);
    }
    let memory_mib = memory_of_another(studio, signal, &clips)?;
    let sent = reviewed(studio, &model, &clips).await?;
    println!("NOTE {} frames by {} {} on {}", frames.len(), model.name(), model.version(), model.engine());
    for (name, value, unit, target) in [
        ("classifier_cpu_per_frame", product_ms, "ms", 20.0),
        ("classifier_memory", memory_mib, "MiB", 60.0),
        ("classifier_off_library_worst", off_library(&model)?, "probability", 1e-5),
        ("harmless_clips_sent_to_review", sent, "clips", 0.0),
    ] {
        report.add(&Figure { name, value, unit, baseline: None, target, better: Better::Lower });
    }
    Ok(())
}

/// How far the golden picture's answers are from those of the model's own library.
fn off_library(model: &LocalClassifier) -> anyhow::Result<f64> {
    let (answers, expected) = (model.answers(&onnx::resize::golden())?, MODEL.golden());
    ensure!(
        answers.len() == expected.len(),
        "{} answers, the library gives {}",
        answers.len(),
        expected.len()
    );
    let off = answers.iter().zip(expected).map(|(a, b)| f64::from((a - b).abs()));
    Ok(off.fold(f64::NAN, f64::max))
}

/// How many clips a person would be asked about because of what the model saw.
async fn reviewed(studio: &Studio, model: &LocalClassifier, clips: &[Clip]) -> anyhow::Result<f64> {
    let mut sent = if clips.is_empty() { f64::NAN } else { 0.0 };
    for clip in clips {
        let ruling = ruled(studio, model, clip).await?;
        if ruling.verdict != Verdict::Approve {
            println!("NOTE {} would be sent to a person: {:?}", name_of(&clip.file), ruling.reasons);
            sent += 1.0;
        }
    }
    Ok(sent)
}

/// The verdict as the product reaches it: the frames of pass A, and a closer look where it could matter.
async fn ruled(studio: &Studio, model: &LocalClassifier, clip: &Clip) -> anyhow::Result<Ruling> {
    let (policy, judges) = (&studio.policy, model.judges());
    let first = judged(model, &clip.frames, 0).await?;
    let ruling = verdict::rule(&first, Some(judges), policy);
    let Some(plan) = sampling::closer(&ruling.closer, clip.duration, &policy.closer) else {
        return Ok(ruling);
    };
    let frames = studio.look_closer(&clip.file, plan).await?;
    if frames.is_empty() {
        return Ok(ruling);
    }
    println!("NOTE {} is looked at closer: {} frames", name_of(&clip.file), frames.len());
    let closer = judged(model, &frames, first.len()).await?;
    Ok(verdict::rule_closer((&first, judges), (&closer, judges), policy))
}

async fn judged(
    model: &LocalClassifier,
    frames: &[SampledFrame],
    before: usize,
) -> anyhow::Result<Vec<JudgedFrame>> {
    let findings = model.classify(frames).await?;
    let number = |i: usize| u16::try_from(before + i + 1).unwrap_or(u16::MAX);
    let pairs = frames.iter().zip(findings).enumerate();
    Ok(pairs.map(|(i, (f, findings))| JudgedFrame { n: number(i), at_ms: f.at_ms, findings }).collect())
}

/// The most memory that a fresh process needs which does nothing else: one frame of every clip.
fn memory_of_another(studio: &Studio, signal: &Path, clips: &[Clip]) -> anyhow::Result<f64> {
    let frames: Vec<String> =
        clips.iter().filter_map(|c| c.frames.first()).map(|f| f.jpeg.display().to_string()).collect();
    let list = studio.room()?.join("frames");
    std::fs::write(&list, frames.join("\n"))?;
    let me = std::env::current_exe()?;
    let out =
        Command::new(me).arg("frames").arg("--signal").arg(signal).arg("--frames").arg(&list).output()?;
    let said = String::from_utf8_lossy(&out.stdout);
    ensure!(out.status.success(), "the process that is measured: {}", String::from_utf8_lossy(&out.stderr));
    let (idle, peak) = said.trim().split_once(' ').context("no measurement")?;
    let (idle, peak): (f64, f64) = (idle.parse()?, peak.parse()?);
    println!(
        "NOTE the process that only judges frames: {idle:.1} MiB before it has the model, {peak:.1} at most"
    );
    Ok(peak)
}

/// That process: judges the listed frames and says its memory before the model and at most, in MiB.
pub async fn judge(list: &Path) -> anyhow::Result<()> {
    let idle = peak_mib()?;
    let model = installed(&engine(""))?.context("the model is not installed")?;
    let text = std::fs::read_to_string(list)?;
    let frames: Vec<SampledFrame> =
        text.lines().map(|l| SampledFrame { at_ms: Millis(0), jpeg: l.into() }).collect();
    ensure!(!frames.is_empty(), "no frame is listed");
    model.classify(&frames).await?;
    println!("{idle} {}", peak_mib()?);
    Ok(())
}

fn peak_mib() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}
