//! What the engine is compared with: originals without loss, and encodes by plain command lines.

use super::curve::{Point, Rung};
use super::studio::{cpu_s, plain_ffmpeg};
use super::vmaf::Vmaf;
use std::path::{Path, PathBuf};

/// The segments of every ladder, as the seed has them.
const SEGMENT_MS: u32 = 2_000;

/// The least of so many decodes is taken: noise only ever adds.
const DECODES: usize = 3;

/// A clip without loss at the size and rate in which it is scored.
pub struct Original {
    pub file: PathBuf,
    pub size: (u32, u32),
    pub fps: u32,
    pub seconds: f64,
}

impl Original {
    /// `short` and `long` sides in display orientation, both even; `first_s` seconds of the clip.
    pub fn make(
        clip: &Path,
        size: (u32, u32),
        (fps, first_s): (u32, f64),
        out: PathBuf,
    ) -> anyhow::Result<Self> {
        let (width, height) = size;
        let line = format!(
            "-map 0:v:0 -an -t {first_s} -vf fps=fps={fps}:start_time=0,\
             scale={width}:{height}:flags=bicubic+accurate_rnd:out_color_matrix=bt709:out_range=tv,\
             setsar=1,format=yuv420p -c:v libx264 -preset ultrafast -qp 0"
        );
        plain_ffmpeg(clip, &line, &out)?;
        Self::of(out, size, fps)
    }

    /// A file that is one already.
    pub fn of(file: PathBuf, size: (u32, u32), fps: u32) -> anyhow::Result<Self> {
        let seconds = frames(&file)? as f64 / f64::from(fps);
        Ok(Self { file, size, fps, seconds })
    }

    /// Bits a second and score of an encode of it.
    pub fn point(&self, vmaf: &Vmaf, encode: &Path) -> anyhow::Result<Point> {
        let bytes = std::fs::metadata(encode)?.len();
        let score = vmaf.score(encode, &self.file, self.size)?;
        Ok(Point { bps: bytes as f64 * 8.0 / self.seconds, score })
    }

    /// The same of a track file, with the bandwidth that our packager declares for it.
    pub fn rung(&self, vmaf: &Vmaf, track: &Path) -> anyhow::Result<Rung> {
        Ok(Rung { point: self.point(vmaf, track)?, declared_bps: declared_bps(track)? })
    }

    /// CPU seconds of reading it and doing nothing else, which every encode of it pays for.
    pub fn decode_s(&self) -> anyhow::Result<f64> {
        let mut least = f64::NAN;
        for _ in 0..DECODES {
            let before = cpu_s()?;
            plain_ffmpeg(&self.file, "-map 0:v -f null", Path::new("-"))?;
            least = least.min(cpu_s()? - before);
        }
        Ok(least)
    }
}

fn declared_bps(track: &Path) -> anyhow::Result<f64> {
    Ok(packager::mux(&std::fs::read(track)?, None, SEGMENT_MS)?.peak_bps as f64)
}

/// Even, with the short side `short`, of a display size.
pub fn sized((width, height): (u32, u32), short: u32) -> (u32, u32) {
    let long =
        |a: u32, b: u32| ((f64::from(short) * f64::from(a) / f64::from(b) / 2.0).round() as u32).max(1) * 2;
    if width <= height { (short, long(height, width)) } else { (long(width, height), short) }
}

fn frames(file: &Path) -> anyhow::Result<u64> {
    let out = std::process::Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-count_packets"])
        .args(["-show_entries", "stream=nb_read_packets", "-of", "csv=p=0"])
        .arg(file)
        .output()?;
    Ok(String::from_utf8_lossy(&out.stdout).trim().trim_end_matches(',').parse()?)
}

/// Stock veryfast at a variable bitrate of `kbps`, as the fixed ladder has it, in a track file like ours.
pub fn stock_vbr(
    original: &Original,
    (width, height): (u32, u32),
    kbps: u32,
    out: &Path,
) -> anyhow::Result<()> {
    let gop = 2 * original.fps;
    let line = format!(
        "-vf scale={width}:{height}:flags=bicubic -c:v libx264 -preset veryfast -b:v {kbps}k -maxrate {kbps}k \
         -bufsize {}k -g {gop} -keyint_min {gop} -sc_threshold 0 -pix_fmt yuv420p -f mp4 -movflags +cmaf",
        2 * kbps
    );
    plain_ffmpeg(&original.file, &line, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixed_ladder_declares_a_peak_above_its_average() {
        let dir = tempfile::tempdir().expect("a directory");
        let (clip, file) = (dir.path().join("clip.mp4"), dir.path().join("original.mkv"));
        let made = std::process::Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x240:r=30:d=6"])
            .args(["-c:v", "libx264", "-preset", "ultrafast"])
            .arg(&clip)
            .status()
            .expect("starts");
        assert!(made.success());
        let original = Original::make(&clip, (320, 240), (30, 6.0), file).expect("made");
        assert!((original.seconds - 6.0).abs() < 0.05, "{}", original.seconds);
        let out = dir.path().join("fixed.mp4");
        stock_vbr(&original, (320, 240), 200, &out).expect("encoded");
        let average = std::fs::metadata(&out).expect("there").len() as f64 * 8.0 / original.seconds;
        let declared = declared_bps(&out).expect("packaged");
        assert!(declared > average * 0.95 && declared < average * 3.0, "{declared} and {average}");
    }
}
