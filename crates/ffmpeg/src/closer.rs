//! Tier B: the frames of a plan, in one more decode.

use crate::args::{Args, INPUT, Look, clamped_clock, fit_short, picture, seconds};
use crate::audit::Source;
use crate::engine::{Ffmpeg, Run};
use crate::pass_a_args::held_at;
use crate::policy::FfmpegPolicy;
use crate::room::Room;
use moderation::CloserPlan;
use moderation::port::{CloserJob, MediaError, SampledFrame};
use stdx::Fault;

impl Ffmpeg {
    pub(crate) async fn closer_frames(&self, job: CloserJob) -> Result<Vec<SampledFrame>, MediaError> {
        let _permit = Self::permit(&self.0.examining).await?;
        let room = Room::furnish(&job.work_dir, &job.source).await.map_err(Fault::from)?;
        let source = self.audit(&room).await?;
        let run = Run {
            args: closer(&source, &job.plan, &self.0.policy, self.0.features.zscale),
            room: &room,
            media_ms: source.facts.duration_ms.0,
            progress: job.progress.clone(),
        };
        self.run(run).await?;
        let mut frames = Vec::new();
        for (i, at_ms) in job.plan.times().enumerate() {
            let jpeg = room.out.join(format!("c_{:05}.jpg", i + 1));
            // The last picture may end before the last moment.
            if !jpeg.exists() {
                break;
            }
            frames.push(SampledFrame { at_ms, jpeg });
        }
        Ok(frames)
    }
}

/// The pictures that stand on the screen at the moments of the plan, as pass A would have taken them.
fn closer(source: &Source, plan: &CloserPlan, policy: &FfmpegPolicy, zscale: bool) -> Args {
    let step = plan.interval.0.max(1);
    let within = |(from, to): &(vocab::Millis, vocab::Millis)| {
        format!("between(n\\,{}\\,{})", (from.0 + step - 1) / step, (to.0 - 1) / step)
    };
    let wanted: Vec<String> = plan.spans.iter().map(within).collect();
    // Nothing is decoded behind the last moment and the picture that may still stand there. Nor is anything
    // skipped before the first: where a seek ends is up to the file.
    let last = plan.spans.last().map_or(0, |(_, to)| to.0);
    let graph = format!(
        "[0:{}]{},trim=end={},split=2[all][f];[f]{},select={},{}[frames]",
        source.video.index,
        clamped_clock(source),
        seconds(last + source.gap_ms + step),
        held_at(0, step),
        wanted.join("+"),
        picture(source, fit_short(source, policy.frame_short_side), Look::Jpeg, zscale)
    );
    let mut args = Args::ffmpeg(policy);
    args.words("-noautorotate -i").arg(INPUT).arg("-filter_complex").arg(graph);
    // First, so that the progress counts every decoded picture.
    args.words("-map [all] -fps_mode passthrough -f null -");
    args.words("-map [frames] -fps_mode passthrough -c:v mjpeg -threads 1 -q:v 3 -f image2 c_%05d.jpg");
    args
}
