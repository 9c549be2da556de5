//! The local model: cost of a frame, memory, and what it thinks of harmless clips.

use super::studio::{Studio, clips, cpu_s, name_of};
use crate::report::{Better, Figure, Report};
use moderation::{FrameClassifier, JudgedFrame, ModerationPolicy, SampledFrame, verdict};
use signal::wiring::classifier::{Chosen, choose};
use std::path::Path;
use std::sync::Arc;
use vocab::Verdict;

pub async fn run(studio: &Studio, media: &Path, report: &mut Report) -> anyhow::Result<()> {
    let before_mib = rss_mib()?;
    let Chosen::Model(model) = choose("nsfwjs:")? else {
        report.skip("classifier", "the model is not installed (scripts/classifier.sh)");
        return Ok(());
    };
    let mut frames = Vec::new();
    let mut harmless = Vec::new();
    for folder in ["natural", "format"] {
        for clip in clips(&media.join(folder))? {
            let Ok(seen) = studio.examine(&clip).await else { continue };
            frames.extend(seen.frames.iter().cloned());
            harmless.push((name_of(&clip), seen.frames));
        }
    }
    let before_s = cpu_s()?;
    model.classify(&frames).await?;
    let frame_ms = (cpu_s()? - before_s) * 1000.0 / frames.len().max(1) as f64;
    let memory_mib = rss_mib()? - before_mib;
    let sent = reviewed(&model, &harmless).await?;
    println!(
        "NOTE {} frames of {} clips by {} {}",
        frames.len(),
        harmless.len(),
        model.name(),
        model.version()
    );
    for (name, value, unit, target) in [
        ("classifier_cpu_per_frame", frame_ms, "ms", 20.0),
        ("classifier_memory", memory_mib, "MiB", 60.0),
        ("harmless_clips_sent_to_review", sent as f64, "clips", 0.0),
    ] {
        report.add(&Figure { name, value, unit, baseline: None, target, better: Better::Lower });
    }
    Ok(())
}

/// How many clips a person would be asked about because of what the model saw.
async fn reviewed(
    model: &Arc<dyn FrameClassifier>,
    clips: &[(String, Vec<SampledFrame>)],
) -> anyhow::Result<usize> {
    let mut sent = 0;
    for (name, frames) in clips {
        let findings = model.classify(frames).await?;
        let judged = frames.iter().zip(findings).enumerate();
        let judged: Vec<JudgedFrame> = judged
            .map(|(i, (frame, findings))| JudgedFrame {
                n: u16::try_from(i + 1).unwrap_or(u16::MAX),
                at_ms: frame.at_ms,
                findings,
            })
            .collect();
        let ruling = verdict::rule(&judged, Some(model.judges()), &ModerationPolicy::default());
        if ruling.verdict != Verdict::Approve {
            println!("NOTE {name} would be sent to a person: {:?}", ruling.reasons);
            sent += 1;
        }
    }
    Ok(sent)
}

fn rss_mib() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or_default();
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}
