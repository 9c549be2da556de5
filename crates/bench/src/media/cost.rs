//! CPU and memory of one phone clip.

use super::studio::{Studio, costing, largest_child_mib, system_ffmpeg};
use crate::report::{Better, Figure, Report};
use crate::walk::media::{naive_cpu, phone_clip};
use std::path::Path;
use transcode::{Encoder, Expectation, VerifyJob};
use vocab::VideoId;

/// Each figure is the best of this many rounds: noise only ever adds.
const ROUNDS: usize = 3;

pub async fn run(studio: &Studio, media: &Path, report: &mut Report) -> anyhow::Result<()> {
    let dir = studio.room()?;
    let clip = phone_clip(&media.join("natural/nail_portrait_1080x1916_30fps.mp4"), &dir)?;
    let (mut decode, mut pass_a, mut package, mut verify, mut naive) =
        ([f64::MAX; ROUNDS], [f64::MAX; ROUNDS], [f64::MAX; ROUNDS], [f64::MAX; ROUNDS], [f64::MAX; ROUNDS]);
    let mut rss_mib = f64::NAN;
    for n in 0..ROUNDS {
        let nowhere = Path::new("-");
        decode[n] = costing(async { system_ffmpeg(&clip, "-map 0:v -map 0:a -f null", nowhere) }).await?.1;
        let (seen, a) = costing(studio.examine(&clip)).await?;
        let plan = studio.plan(&seen.source)?;
        let (encoded, b) = costing(studio.encode(&clip, &plan, &seen)).await?;
        let (rungs, mux) = costing(async { studio.package(&encoded) }).await?;
        if n == 0 {
            // The kernel keeps the largest ever: later it would be one of the baseline's.
            rss_mib = largest_child_mib()?;
        }
        let room = studio.room()?;
        let mut files = Vec::new();
        for (rung, muxed) in plan.rungs.iter().zip(&rungs) {
            let path = room.join(format!("{}.mp4", rung.name));
            let whole: Vec<u8> =
                std::iter::once(&muxed.init).chain(&muxed.segments).flatten().copied().collect();
            std::fs::write(&path, whole)?;
            files.push(path);
        }
        let expect = Expectation {
            duration_ms: plan.duration_ms,
            fps: plan.fps,
            has_audio: plan.audio.is_some(),
            sizes: plan.rungs.iter().map(|r| (r.width, r.height)).collect(),
            segment_ms: rungs[0].segment_ms(),
        };
        let job = VerifyJob {
            video: VideoId(1),
            work_dir: room,
            files,
            expect,
            progress: std::sync::Arc::new(|_| {}),
        };
        verify[n] = costing(async { Ok(studio.engine.verify(job).await?) }).await?.1;
        (pass_a[n], package[n]) = (a, a + b + mux);
        naive[n] = naive_cpu(&clip, &dir)?;
    }
    let best = |all: [f64; ROUNDS]| all.into_iter().fold(f64::MAX, f64::min);
    println!("NOTE verification, which the baseline has none of, costs {:.2} CPU-s more", best(verify));
    for (name, value, baseline, target) in [
        ("package_cpu_vs_one_process_per_artefact", best(package), best(naive), 0.68),
        ("pass_a_cpu_vs_decode_alone", best(pass_a), best(decode), 1.35),
    ] {
        report.add(&Figure {
            name,
            value,
            unit: "cpu-s",
            baseline: Some(baseline),
            target,
            better: Better::Lower,
        });
    }
    report.add(&Figure {
        name: "rss_of_the_largest_child_1080p",
        value: rss_mib,
        unit: "MiB",
        baseline: None,
        target: 600.0,
        better: Better::Lower,
    });
    Ok(())
}
