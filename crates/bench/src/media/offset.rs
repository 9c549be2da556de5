//! Sound against picture, after a whole round: encode, package, fetch, decode.

use super::studio::Studio;
use crate::report::{Better, Figure, Report};
use anyhow::{Context, ensure};
use std::path::Path;
use std::process::Command;

const RATE: usize = 48_000;
const FPS: usize = 30;
/// A flash of one picture and a tone of 20 ms, every second from half a second on.
const FLASH: &str = "color=black:s=320x240:r=30:d=6,format=yuv420p,\
    geq=lum='if(lt(mod(T+0.5\\,1)\\,0.033)\\,235\\,16)':cb=128:cr=128";
const BEEP: &str = "aevalsrc='if(lt(mod(t+0.5,1),0.02),0.6*sin(2*PI*1000*t),0)':s=48000:d=6";
const TONE_SAMPLES: usize = RATE / 50;

pub async fn run(studio: &Studio, report: &mut Report) -> anyhow::Result<()> {
    let clip = studio.room()?.join("beep.mp4");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", FLASH, "-f", "lavfi", "-i", BEEP, "-c:v", "libx264"])
        .args(["-preset", "ultrafast", "-crf", "1", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "160k"])
        .arg(&clip)
        .status()?;
    ensure!(made.success(), "cannot make the clip of flashes and beeps");
    let seen = studio.examine(&clip).await?;
    let encoded = studio.encode(&clip, &studio.plan(&seen.source)?, &seen).await?;
    let rungs = studio.package(&encoded)?;
    let rung = rungs.last().context("a rung")?;
    let file = studio.room()?.join("whole.mp4");
    std::fs::write(&file, rung.single_file())?;
    report.add(&Figure {
        name: "sound_off_picture_worst",
        value: worst_samples(&file)? as f64 * 1000.0 / RATE as f64,
        unit: "ms",
        baseline: None,
        target: 1.0,
        better: Better::Lower,
    });
    Ok(())
}

fn worst_samples(file: &Path) -> anyhow::Result<u64> {
    // ffmpeg 5.1 widens the range twice when it scales to one grey pixel in one go: so sixteen of them.
    let pictures = decode(file, "-map 0:v -vf scale=16:16,format=gray -fps_mode passthrough -f rawvideo")?;
    let bright: Vec<bool> = pictures.iter().step_by(256).map(|b| *b > 128).collect();
    let sound = decode(file, "-map 0:a -ac 1 -f s16le")?;
    let sound: Vec<f64> =
        sound.chunks_exact(2).map(|c| f64::from(i16::from_le_bytes([c[0], c[1]]))).collect();
    let flashes = (1..bright.len()).filter(|i| bright[*i] && !bright[i - 1]);
    let offsets: Vec<u64> = flashes.map(|n| offset(&sound, n * RATE / FPS).unsigned_abs()).collect();
    ensure!(offsets.len() >= 5, "{} flashes came through", offsets.len());
    Ok(offsets.into_iter().max().unwrap_or(u64::MAX))
}

fn decode(file: &Path, line: &str) -> anyhow::Result<Vec<u8>> {
    let out = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(file)
        .args(line.split_whitespace())
        .arg("-")
        .output()?;
    ensure!(
        out.status.success(),
        "cannot decode {}: {}",
        file.display(),
        String::from_utf8_lossy(&out.stderr)
    );
    Ok(out.stdout)
}

/// Where, around a sample, the tone fits best; in samples after it.
fn offset(sound: &[f64], at: usize) -> i64 {
    let tone: Vec<f64> = (0..TONE_SAMPLES).map(|i| (i as f64 * std::f64::consts::TAU / 48.0).sin()).collect();
    let fit = |shift: i64| -> f64 {
        let start = usize::try_from(at as i64 + shift).unwrap_or(0);
        sound.iter().skip(start).zip(&tone).map(|(s, t)| s * t).sum()
    };
    let around = -(TONE_SAMPLES as i64)..=TONE_SAMPLES as i64;
    around.max_by(|a, b| fit(*a).total_cmp(&fit(*b))).unwrap_or(i64::MAX)
}
