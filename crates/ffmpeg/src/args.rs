//! Pieces of command lines and filter graphs. Pure.

use crate::audit::{Matrix, Source};
use crate::policy::FfmpegPolicy;
use std::ffi::OsString;

/// A command line under construction.
#[derive(Debug, Default, Clone)]
pub(crate) struct Args(pub Vec<OsString>);

impl Args {
    /// Adds words that hold no spaces of their own, split at spaces.
    pub fn words(&mut self, text: &str) -> &mut Self {
        self.0.extend(text.split(' ').filter(|w| !w.is_empty()).map(OsString::from));
        self
    }
    pub fn arg(&mut self, one: impl Into<OsString>) -> &mut Self {
        self.0.push(one.into());
        self
    }
    /// What stands before every input: nothing but this file, in these formats, up to this size.
    pub fn guards(&mut self, policy: &FfmpegPolicy) -> &mut Self {
        self.words("-hide_banner -protocol_whitelist file,pipe -format_whitelist");
        self.arg(policy.intake.formats.join(","));
        self.words(&format!("-max_pixels {}", policy.intake.pixels_max))
    }
    /// A quiet ffmpeg that reports progress on standard output.
    pub fn ffmpeg(policy: &FfmpegPolicy) -> Self {
        let mut args = Self::default();
        args.words("-nostdin -y -nostats -v info -progress pipe:1 -stats_period 0.5").guards(policy);
        args
    }
}

/// Milliseconds as the seconds of a filter option.
pub(crate) fn seconds(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    format!("{sign}{}.{:03}", ms.abs() / 1000, ms.abs() % 1000)
}

/// Follows the source's clock but never waits longer than the audit saw it wait: a gap that is only
/// found while decoding cannot make the frame rate filter fill hours.
pub(crate) fn clamped_clock(source: &Source) -> String {
    let gap = seconds(source.gap_ms + 500);
    format!("setpts='if(eq(N,0),min(PTS,{gap}/TB),PREV_OUTPTS+min(PTS-PREV_INPTS,{gap}/TB))'")
}

/// What the end of a picture chain is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// BT.709, limited range, for the encoder.
    Video,
    /// BT.601, full range, as every JPEG decoder assumes.
    Jpeg,
}

/// Scales first (that is where the pixels go), then turns, then mends colours.
/// `width` and `height` are those of the turned picture.
pub(crate) fn picture(source: &Source, (width, height): (u32, u32), look: Look, zscale: bool) -> String {
    let o = source.video.orientation;
    let (w, h) = if o.swaps_sides() { (height, width) } else { (width, height) };
    let turn = o.filters();
    let size = format!("scale={w}:{h}:flags=bicubic+accurate_rnd");
    let end = match look {
        Look::Video => "setsar=1,format=yuv420p",
        Look::Jpeg => "setsar=1,format=yuvj420p",
    };
    if let (Some(transfer), true) = (source.video.hdr, zscale) {
        let tone = format!(
            "zscale=tin={transfer}:min=bt2020nc:pin=bt2020:t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,\
             tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=tv,format=yuv420p"
        );
        let jpeg = match look {
            Look::Video => "",
            Look::Jpeg => ",scale=in_color_matrix=bt709:out_color_matrix=bt601:out_range=pc",
        };
        return format!("{size}{turn},{tone}{jpeg},{end}");
    }
    match look {
        Look::Jpeg => {
            let from = matrix_name(source.video.matrix);
            format!("{size}:in_color_matrix={from}:out_color_matrix=bt601:out_range=pc{turn},{end}")
        }
        // Naming one matrix for both sides keeps swscale from going through RGB, which costs more than
        // all the rest of the scaling; where the matrix must change, a filter made for it does it,
        // after scaling.
        Look::Video => {
            let keep = "in_color_matrix=bt709:out_color_matrix=bt709:out_range=tv";
            let mend = match source.video.matrix {
                Matrix::Bt709 => "",
                Matrix::Bt601 => ",colormatrix=bt601:bt709",
                Matrix::Bt2020 => ",colormatrix=bt2020:bt709",
            };
            format!("{size}:{keep},format=yuv420p{mend}{turn},{end}")
        }
    }
}

fn matrix_name(matrix: Matrix) -> &'static str {
    match matrix {
        Matrix::Bt709 => "bt709",
        Matrix::Bt601 => "bt601",
        Matrix::Bt2020 => "bt2020",
    }
}

/// The largest even size with this short side and the shape of the source, never larger than it.
pub(crate) fn fit_short(source: &Source, short: u32) -> (u32, u32) {
    let (w, h) = (source.facts.width.max(1), source.facts.height.max(1));
    let short = short.min(w.min(h)).max(2) & !1;
    let long = even(u64::from(short) * u64::from(w.max(h)), u64::from(w.min(h)));
    if w <= h { (short, long) } else { (long, short) }
}

/// The largest even size of the source's shape inside a box, which lies like the source.
pub(crate) fn fit_box(source: &Source, long: u32, short: u32) -> (u32, u32) {
    let (w, h) = (u64::from(source.facts.width.max(1)), u64::from(source.facts.height.max(1)));
    let (bw, bh) = if w <= h { (short, long) } else { (long, short) };
    if w * u64::from(bh) <= h * u64::from(bw) {
        (even(w * u64::from(bh), h).min(bw), bh)
    } else {
        (bw, even(h * u64::from(bw), w).min(bh))
    }
}

/// A quotient, rounded to the nearest even number.
pub(crate) fn even(numerator: u64, denominator: u64) -> u32 {
    let half = (numerator + denominator) / (2 * denominator.max(1));
    u32::try_from(2 * half.max(1)).unwrap_or(2)
}

/// Where the input stands in a job's room, as the child names it.
pub(crate) const INPUT: &str = "../in/input";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_keep_every_millisecond() {
        assert_eq!(
            (seconds(0), seconds(1_005), seconds(-20)),
            ("0.000".into(), "1.005".into(), "-0.020".into())
        );
    }

    #[test]
    fn words_are_split_and_arguments_are_not() {
        let mut a = Args::default();
        a.words("-a  b").arg("c d");
        assert_eq!(a.0, ["-a", "b", "c d"]);
    }
}
