//! The command line of pass A: frames, sheet, cover and loudness in one decode. Pure.

use crate::args::{Args, INPUT, Look, clamped_clock, fit_box, fit_short, picture, seconds};
use crate::audit::Source;
use crate::policy::FfmpegPolicy;
use catalog::SpriteFacts;
use moderation::SamplingPlan;
use vocab::Millis;

pub(crate) const FRAMES: &str = "f_%05d.jpg";
pub(crate) const THUMBS: &str = "thumbs.rgb";
pub(crate) const SPRITE: &str = "sprite.jpg";
pub(crate) const COVER: &str = "cover.jpg";
pub(crate) const COVER_THUMB: &str = "cover.rgb";
/// Size of the small pictures that the poster is chosen by.
pub(crate) const THUMB: (u32, u32) = (64, 64);

/// What pass A is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Over the whole file: nothing may hide outside the published part.
    pub sampling: SamplingPlan,
    /// The published part.
    pub start: Millis,
    pub duration: Millis,
    pub sprite: Option<SpriteFacts>,
    /// A moment of the file to make the cover of.
    pub cover_at: Option<Millis>,
    pub zscale: bool,
}

/// How the sheet of a video is laid out; `None` for one too short to scrub.
pub(crate) fn sprite_facts(source: &Source, duration: Millis, policy: &FfmpegPolicy) -> Option<SpriteFacts> {
    if duration.0 < policy.sprite_from_ms {
        return None;
    }
    let room = i64::from(policy.sprite_columns * policy.sprite_rows_max);
    let fits = |c: &&u32| duration.0 <= i64::from(**c) * room;
    let slowest = policy.sprite_cadences_ms.last().copied().unwrap_or(2_000);
    let cadence_ms = policy.sprite_cadences_ms.iter().find(fits).copied().unwrap_or(slowest).max(1);
    let tiles = ((duration.0 + i64::from(cadence_ms) - 1) / i64::from(cadence_ms)).clamp(1, room) as u32;
    let columns = tiles.min(policy.sprite_columns);
    let (width, height) = fit_box(source, policy.tile_long, policy.tile_short);
    Some(SpriteFacts {
        tile_width: width as u16,
        tile_height: height as u16,
        columns: columns as u8,
        rows: tiles.div_ceil(columns) as u8,
        tiles: tiles as u16,
        cadence_ms,
    })
}

pub(crate) fn pass_a(source: &Source, wanted: &Wanted, policy: &FfmpegPolicy) -> Args {
    let mut args = Args::ffmpeg(policy);
    args.words("-noautorotate -i").arg(INPUT).arg("-filter_complex").arg(graph(source, wanted, policy));
    // First, so that `frame=` of the progress counts every decoded picture.
    args.words("-map [all] -fps_mode passthrough -f null -");
    args.words("-map [frames] -fps_mode passthrough -c:v mjpeg -threads 1 -q:v 3 -f image2").arg(FRAMES);
    args.words("-map [thumbs] -fps_mode passthrough -c:v rawvideo -f rawvideo").arg(THUMBS);
    if wanted.sprite.is_some() {
        args.words("-map [sprite] -frames:v 1 -c:v mjpeg -threads 1 -q:v 4 -f image2 -update 1").arg(SPRITE);
    }
    if wanted.cover_at.is_some() {
        args.words("-map [cover] -frames:v 1 -c:v mjpeg -threads 1 -q:v 3 -f image2 -update 1").arg(COVER);
        args.words("-map [coverthumb] -frames:v 1 -c:v rawvideo -f rawvideo").arg(COVER_THUMB);
    }
    if source.audio.is_some() {
        args.words("-map [sound] -f null -");
    }
    args
}

fn graph(source: &Source, wanted: &Wanted, policy: &FfmpegPolicy) -> String {
    let mut taps = vec!["[all]", "[f]"];
    let jpeg = |size| picture(source, size, Look::Jpeg, wanted.zscale);
    let frame = jpeg(fit_short(source, policy.frame_short_side));
    let thumb = format!("scale={}:{}:flags=area,format=rgb24", THUMB.0, THUMB.1);
    let plan = wanted.sampling;
    let mut chains = vec![format!(
        "[f]{},trim=end_frame={},{frame},split[frames][t];[t]{thumb}[thumbs]",
        held_at(plan.first.0, plan.interval.0),
        plan.count
    )];
    if let Some(s) = &wanted.sprite {
        taps.push("[s]");
        let cadence = i64::from(s.cadence_ms);
        let (start, end) = (seconds(wanted.start.0), seconds(wanted.start.0 + wanted.duration.0));
        chains.push(format!(
            "[s]trim=start={start}:end={end},{},tpad=stop=2:stop_mode=clone,trim=end_frame={},{},tile={}x{}[sprite]",
            held_at(wanted.start.0 + cadence / 2, cadence),
            s.tiles,
            jpeg((u32::from(s.tile_width), u32::from(s.tile_height))),
            s.columns,
            s.rows
        ));
    }
    if let Some(at) = wanted.cover_at {
        taps.push("[c]");
        chains.push(format!(
            "[c]{},trim=end_frame=1,{frame},split[cover][ct];[ct]{thumb}[coverthumb]",
            held_at(at.0, 1_000)
        ));
    }
    if let Some(sound) = &source.audio {
        let end = wanted.start.0 + wanted.duration.0;
        chains.push(format!(
            "[0:{}]atrim=end={},aresample=48000:async=1:first_pts=0,aformat=channel_layouts=stereo,\
             atrim=start={}:end={},ebur128=peak=true:framelog=verbose[sound]",
            sound.index,
            seconds(end + 1_000),
            seconds(wanted.start.0),
            seconds(end)
        ));
    }
    let head =
        format!("[0:{}]{},split={}{}", source.video.index, clamped_clock(source), taps.len(), taps.concat());
    format!("{head};{}", chains.join(";"))
}

/// The pictures that stand on the screen at `first`, `first + interval` and so on: what is shown for long
/// is seen, what is shown for one frame between two moments is not.
pub(crate) fn held_at(first_ms: i64, interval_ms: i64) -> String {
    format!("setpts=PTS-{}/TB,fps=fps=1000/{interval_ms}:start_time=0:round=up", seconds(first_ms))
}
