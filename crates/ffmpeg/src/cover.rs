//! An owner's picture drawn anew as a poster: one decode in the same jail as a video's.

use crate::args::{Args, INPUT, even};
use crate::audit::refuse;
use crate::colours::cube;
use crate::engine::{Ffmpeg, Run, RunError};
use crate::pass_a_args::{COVER, COVER_THUMB, THUMB};
use crate::policy::FfmpegPolicy;
use crate::poster::{blurhash_of, thumbs};
use crate::room::Room;
use moderation::port::{CoverJob, DrawnCover, MediaError};
use moderation::{Still, StillKind};
use std::sync::Arc;
use stdx::Fault;

/// What the profile of the picture does to colours.
const TABLE: &str = "profile.cube";
/// Pixels that a decoder may add to each side to come to whole blocks.
const BLOCK: u64 = 64;

impl Ffmpeg {
    pub(crate) async fn drawn_cover(&self, job: CoverJob) -> Result<DrawnCover, MediaError> {
        let _permit = Self::permit(&self.0.examining).await?;
        let room = Room::furnish(&job.work_dir, &job.source).await.map_err(Fault::from)?;
        let is_other = write_table(job.profile, &room).await?;
        let run = Run {
            args: cover(&job.still, is_other, &self.0.policy),
            room: &room,
            // It has no length: what a child may use besides is enough.
            media_ms: 0,
            progress: Arc::new(|_| {}),
        };
        let ran = self.run(run).await.map_err(unreadable)?;
        let (jpeg, thumb) = (room.out.join(COVER), room.out.join(COVER_THUMB));
        // What it cannot decode it paints grey.
        if ran.done.log.corrupt > 0 || !jpeg.exists() || !thumb.exists() {
            return Err(MediaError::Refused(damaged()));
        }
        let thumb = tokio::fs::read(thumb).await.map_err(Fault::from)?;
        Ok(DrawnCover { jpeg, blurhash: thumbs(&thumb).first().and_then(blurhash_of) })
    }
}

/// Whether the picture's colours are others than sRGB, which a table beside it then says.
async fn write_table(profile: Option<Vec<u8>>, room: &Room) -> Result<bool, Fault> {
    let Some(profile) = profile else { return Ok(false) };
    // A stranger's bytes: whatever goes wrong with them, the picture is drawn.
    let table = tokio::task::spawn_blocking(move || cube(&profile)).await.unwrap_or(None);
    let Some(table) = table else { return Ok(false) };
    tokio::fs::write(room.out.join(TABLE), table).await?;
    Ok(true)
}

fn damaged() -> vocab::FailureReason {
    refuse("cover.unreadable", "The picture cannot be read. It may be damaged.")
}

/// Whatever a decoder cannot do within its limits is the picture's fault.
fn unreadable(e: RunError) -> MediaError {
    match e {
        RunError::GaveUp(said) => {
            tracing::info!(%said, "a picture cannot be decoded");
            MediaError::Refused(damaged())
        }
        RunError::Media(MediaError::Refused(reason)) => {
            tracing::info!(code = %reason.code, "a picture takes too much to decode");
            MediaError::Refused(damaged())
        }
        RunError::Media(e) => e,
    }
}

/// Nothing but this demuxer and this decoder: what the file looks like to others does not matter.
const fn reader(kind: StillKind) -> (&'static str, &'static str) {
    match kind {
        StillKind::Jpeg => ("jpeg_pipe", "mjpeg"),
        StillKind::Png => ("png_pipe", "png"),
        StillKind::WebP => ("webp_pipe", "webp"),
    }
}

/// Undoes how the camera was held.
const fn upright(turn: u8) -> &'static str {
    match turn {
        2 => ",hflip",
        3 => ",hflip,vflip",
        4 => ",vflip",
        5 => ",transpose=0",
        6 => ",transpose=1",
        7 => ",transpose=3",
        8 => ",transpose=2",
        _ => "",
    }
}

/// The size of the drawing before it is turned: a poster's short side, never larger than it came.
fn drawn_size(still: &Still, short_side: u32) -> (u32, u32) {
    let (width, height) = (still.width.max(1), still.height.max(1));
    let (short, long) = (width.min(height), width.max(height));
    let drawn = short_side.min(short).max(2) & !1;
    let other = even(u64::from(drawn) * u64::from(long), u64::from(short));
    if width <= height { (drawn, other) } else { (other, drawn) }
}

fn cover(still: &Still, has_table: bool, policy: &FfmpegPolicy) -> Args {
    let (demuxer, decoder) = reader(still.kind);
    let (width, height) = drawn_size(still, policy.frame_short_side);
    let pixels = (u64::from(still.width) + BLOCK) * (u64::from(still.height) + BLOCK);
    // At the size of the drawing, in RGB, before anything else is done with the colours.
    let size = format!("scale={width}:{height}:flags=bicubic+accurate_rnd");
    let sized =
        if has_table { format!("{size},format=gbrp,lut3d={TABLE},scale=") } else { format!("{size}:") };
    let graph = format!(
        "[0:v:0]trim=end_frame=1,{sized}out_color_matrix=bt601:out_range=pc{},setsar=1,format=yuvj420p,\
         metadata=mode=delete,sidedata=mode=delete,split[cover][t];[t]scale={}:{}:flags=area,format=rgb24[thumb]",
        upright(still.turn),
        THUMB.0,
        THUMB.1
    );
    let mut args = Args::default();
    args.words("-nostdin -y -nostats -v info -progress pipe:1 -stats_period 0.5 -hide_banner");
    args.words("-protocol_whitelist file,pipe -format_whitelist").arg(demuxer);
    args.words(&format!("-max_pixels {pixels} -threads 1 -f {demuxer} -c:v {decoder} -noautorotate -i"));
    args.arg(INPUT).arg("-filter_complex").arg(graph);
    args.words("-map [cover] -map_metadata -1 -frames:v 1 -c:v mjpeg -threads 1 -q:v 3 -f image2 -update 1");
    args.arg(COVER);
    args.words("-map [thumb] -frames:v 1 -c:v rawvideo -f rawvideo").arg(COVER_THUMB);
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    fn still(width: u32, height: u32, turn: u8) -> Still {
        Still { kind: StillKind::Jpeg, width, height, turn }
    }

    #[test]
    fn a_drawing_has_a_posters_size_and_is_never_larger_than_it_came() {
        assert_eq!(drawn_size(&still(4032, 3024, 6), 720), (960, 720));
        assert_eq!(drawn_size(&still(1080, 1920, 1), 720), (720, 1280));
        assert_eq!(drawn_size(&still(101, 65, 1), 720), (100, 64));
    }

    #[test]
    fn one_demuxer_and_one_decoder_are_named_and_nothing_else_is_let_in() {
        let args = cover(&still(640, 480, 1), false, &FfmpegPolicy::default()).0;
        let text: Vec<_> = args.iter().map(|a| a.to_string_lossy().into_owned()).collect();
        let after = |name: &str| text.iter().position(|a| a == name).map(|i| text[i + 1].as_str());
        assert_eq!(after("-format_whitelist"), Some("jpeg_pipe"));
        assert_eq!(after("-f"), Some("jpeg_pipe"));
        assert_eq!(after("-protocol_whitelist"), Some("file,pipe"));
        assert_eq!(after("-max_pixels"), Some("382976"));
    }
}
