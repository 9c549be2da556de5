//! Probes of quality: a sample of the top rung at two qualities, each scored against the same pictures
//! before encoding.

use crate::args::{Args, INPUT, Look, picture, seconds};
use crate::audit::Source;
use crate::doctor::{self, Features};
use crate::engine::{Ffmpeg, Run};
use crate::pass_b_args::{decoding, encoding, rung_file, video_output};
use crate::pass_b_codec::{BUFFER_MS, Encoding};
use crate::policy::FfmpegPolicy;
use crate::room::Room;
use moderation::port::MediaError;
use std::path::PathBuf;
use std::sync::Arc;
use stdx::Fault;
use transcode::{LadderPlan, Metric, PlannedRung, ProbeJob, Probed};
use vocab::{Millis, RungName};

/// The pictures as they were before encoding.
const ORIGINAL: &str = "original.mkv";
/// VMAF looks at every fourth picture: the mean moves by less than the sample's own error.
const SUBSAMPLE: u32 = 4;

/// A program that measures quality, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scorer {
    program: PathBuf,
    metric: Metric,
}

impl Ffmpeg {
    /// The best that this machine has.
    async fn scorer(&self) -> Option<&Scorer> {
        let find = || async {
            let wished = doctor::find(&self.0.policy.quality_ffmpeg);
            for program in wished.into_iter().chain([self.0.ffmpeg.clone()]) {
                if doctor::has_filter(&program, "libvmaf").await {
                    return Some(Scorer { program, metric: Metric::Vmaf });
                }
            }
            let program = self.0.ffmpeg.clone();
            let has_ssim = doctor::has_filter(&program, "ssim").await;
            has_ssim.then_some(Scorer { program, metric: Metric::Ssim })
        };
        self.0.scorer.get_or_init(find).await.as_ref()
    }

    pub(crate) async fn probe_quality(&self, job: &ProbeJob) -> Result<Option<Probed>, MediaError> {
        let Some(scorer) = self.scorer().await else { return Ok(None) };
        let Some(plan) = probes(job) else { return Ok(None) };
        let room = Room::furnish(&job.work_dir, &job.source).await.map_err(Fault::from)?;
        let source = self.audit(&room).await?;
        let args = encode(&source, &plan, &job.samples, (&self.0.features, &self.0.policy));
        let (media_ms, progress) = (plan.duration_ms.0, Arc::new(|_: u8| {}));
        self.run(Run { args, room: &room, media_ms, progress: progress.clone() }).await?;
        let [fine, coarse] = plan.rungs.as_slice() else { return Ok(None) };
        // At once, as the encoders were: one of them leaves half of two cores idle.
        let score = |rung: &PlannedRung| {
            let args = compare(&rung_file(rung), scorer.metric, plan.fps, &self.0.policy);
            self.score(scorer, Run { args, room: &room, media_ms, progress: progress.clone() })
        };
        let (fine, coarse) = tokio::try_join!(score(fine), score(coarse))?;
        Ok(Some(Probed { metric: scorer.metric, scores_centi: [fine, coarse] }))
    }

    async fn score(&self, scorer: &Scorer, run: Run<'_>) -> Result<u32, MediaError> {
        let done = self.run_by(&scorer.program, run).await?.done;
        let said = done.log.lines().find_map(|l| read_score(l, scorer.metric));
        said.ok_or_else(|| MediaError::Failed("no score was told".into()))
    }
}

/// The plan of the probes: the top rung twice, under names that no rung has, as long as the samples.
fn probes(job: &ProbeJob) -> Option<LadderPlan> {
    let top = job.plan.rungs.last()?;
    let rungs = (1..).zip(job.crf_centi).map(|(n, crf_centi)| {
        let mut rung = top.clone();
        (rung.name, rung.crf_centi) = (RungName(n), crf_centi);
        rung
    });
    let frames: i64 = job.samples.iter().map(|(_, length)| frames_in(*length, job.plan.fps)).sum();
    let duration_ms = Millis(frames * 1_000 / i64::from(job.plan.fps.max(1)));
    Some(LadderPlan { rungs: rungs.collect(), duration_ms, audio: None, ..job.plan.clone() })
}

fn frames_in(length: Millis, fps: u32) -> i64 {
    (length.0 * i64::from(fps) / 1_000).max(1)
}

fn encode(
    source: &Source,
    plan: &LadderPlan,
    samples: &[(Millis, Millis)],
    (features, policy): (&Features, &FfmpegPolicy),
) -> Args {
    let mut args = Args::default();
    args.words("-nostdin -y -nostats -v info -progress pipe:1 -stats_period 0.5");
    let mut graph = String::new();
    for (i, (start, length)) in samples.iter().enumerate() {
        // A little more is read than is wanted: the last picture may come late.
        args.guards(policy).words(decoding(features.modern));
        args.words(&format!("-noautorotate -ss {}", seconds(start.0)));
        args.words(&format!("-t {} -i", seconds(length.0 + 500))).arg(INPUT);
        let frames = frames_in(*length, plan.fps);
        graph.push_str(&format!(
            "[{i}:{}]setpts=PTS-STARTPTS,fps=fps={}:start_time=0,trim=end_frame={frames}[s{i}];",
            source.video.index, plan.fps
        ));
    }
    (0..samples.len()).for_each(|i| graph.push_str(&format!("[s{i}]")));
    graph.push_str(&match samples.len() {
        1 => "null".to_owned(),
        n => format!("concat=n={n}:v=1:a=0"),
    });
    let size = plan.rungs.first().map_or((2, 2), |r| (r.width, r.height));
    graph.push_str(&format!(",{},split=3[o][v0][v1]", picture(source, size, Look::Video, features.zscale)));
    args.arg("-filter_complex").arg(graph);
    args.words("-map [o] -c:v rawvideo -f matroska").arg(ORIGINAL);
    // A sample is a part of a longer video.
    let encoding = Encoding { buffer_ms: BUFFER_MS, ..encoding(plan, features.modern, policy) };
    for (i, rung) in plan.rungs.iter().enumerate() {
        video_output(&mut args, (i, rung), plan, encoding);
    }
    args
}

/// Pictures are paired by their number: containers round times differently.
fn compare(file: &str, metric: Metric, fps: u32, policy: &FfmpegPolicy) -> Args {
    let mut args = Args::ffmpeg(policy);
    args.words("-i").arg(file).guards(policy).words("-i").arg(ORIGINAL);
    let filter = match metric {
        Metric::Vmaf => format!("libvmaf=n_subsample={SUBSAMPLE}:n_threads=1:pool=harmonic_mean"),
        Metric::Ssim => "ssim".to_owned(),
    };
    let clock = format!("settb=1/{fps},setpts=N");
    args.arg("-lavfi").arg(format!("[0:v]{clock}[d];[1:v]{clock}[r];[d][r]{filter}"));
    args.words("-f null -");
    args
}

/// Hundredths of 0–100 in a line of the program's log.
fn read_score(line: &str, metric: Metric) -> Option<u32> {
    let (after, digits) = match metric {
        Metric::Vmaf => ("VMAF score: ", 2),
        Metric::Ssim => (" All:", 4),
    };
    let text = line.split(after).nth(1)?;
    let number = text.split(|c: char| !(c.is_ascii_digit() || c == '.')).next()?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let part: String = part.chars().chain("0000".chars()).take(digits).collect();
    let whole: u32 = whole.parse().ok()?;
    whole.checked_mul(10u32.pow(u32::try_from(digits).ok()?))?.checked_add(part.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_read_as_hundredths() {
        let vmaf = |l| read_score(l, Metric::Vmaf);
        assert_eq!(vmaf("[Parsed_libvmaf_4 @ 0x7f] VMAF score: 91.716564"), Some(9_171));
        assert_eq!((vmaf("VMAF score: 100"), vmaf("frame=1")), (Some(10_000), None));
        let ssim =
            "[Parsed_ssim_4 @ 0x5] SSIM Y:0.990741 (20.3) U:0.99 (22.9) V:0.99 (21.9) All:0.991928 (20.9)";
        assert_eq!(read_score(ssim, Metric::Ssim), Some(9_919));
        assert_eq!(read_score("SSIM All:1.000000 (inf)", Metric::Ssim), Some(10_000));
    }
}
