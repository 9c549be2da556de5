//! Generated videos: each a different picture, sound, length and shape, drawn by ffmpeg itself.

use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// Longest time one clip may take to draw.
const DRAW_TIMEOUT: Duration = Duration::from_secs(60);
const FPS: u32 = 30;

/// A recipe: what is drawn, what is heard, and what its owner says about it.
#[derive(Debug, Clone, Copy)]
pub struct Recipe {
    pub title: &'static str,
    pub caption: &'static str,
    pub tags: &'static [&'static str],
    /// A lavfi source with `{s}` for the size and `{r}` for the frame rate.
    picture: &'static str,
    /// Filters after the source.
    look: &'static str,
    /// An `aevalsrc` expression, or empty for silence.
    sound: &'static str,
    size: &'static str,
    seconds: u32,
}

/// Sizes are at most 540 wide: the demo is there to swipe, not to test the top rung (one clip does).
pub const RECIPES: &[Recipe] = &[
    Recipe {
        title: "Slow sunrise",
        caption: "Colours over the bay this morning. Wait for the orange.",
        tags: &["calm", "sky", "colour"],
        picture: "gradients=s={s}:r={r}:c0=0x10205a:c1=0xff7a3c:c2=0xffd27a:nb_colors=3:x0=0:y0=0:x1=540:y1=960:speed=0.012",
        look: "vignette=PI/5",
        sound: "0.25*sin(2*PI*220*t)*(0.6+0.4*sin(2*PI*0.25*t))+0.15*sin(2*PI*330*t)",
        size: "540x960",
        seconds: 9,
    },
    Recipe {
        title: "Into the set",
        caption: "Zooming into the Mandelbrot set, one pixel at a time.",
        tags: &["math", "fractal", "zoom"],
        picture: "mandelbrot=s={s}:r={r}:start_scale=2.6:end_scale=0.02:end_pts=330:maxiter=400",
        look: "hue=h=40*t:s=1.4",
        sound: "0.2*sin(2*PI*(110+12*t)*t)",
        size: "540x960",
        seconds: 11,
    },
    Recipe {
        title: "Life, from noise",
        caption: "Conway's Game of Life starting from a random field.",
        tags: &["life", "simulation"],
        picture: "life=s=135x240:r={r}:mold=12:ratio=0.22:seed=7:death_color=0x0a1030:life_color=0x7df0c0:mold_color=0x24406a",
        look: "scale={w}:{h}:flags=neighbor",
        sound: "0.18*sin(2*PI*440*t)*lt(mod(t,0.5),0.08)",
        size: "540x960",
        seconds: 8,
    },
    Recipe {
        title: "Triangles all the way down",
        caption: "A Sierpinski carpet wandering about.",
        tags: &["math", "pattern"],
        picture: "sierpinski=s={s}:r={r}:type=triangle:seed=11",
        look: "hue=h=25*t:s=2,eq=contrast=1.2",
        sound: "0.2*sin(2*PI*196*t)+0.12*sin(2*PI*294*t)*gt(sin(2*PI*1.5*t),0)",
        size: "540x960",
        seconds: 10,
    },
    Recipe {
        title: "Rule 110",
        caption: "A line of cells, one rule, and it can compute anything.",
        tags: &["math", "cells", "code"],
        picture: "cellauto=s=135x240:r={r}:rule=110:random_seed=3:scroll=1:full=1",
        look: "scale={w}:{h}:flags=neighbor,colorchannelmixer=rr=0.9:gg=0.5:bb=0.2",
        sound: "0.15*sin(2*PI*(330+110*floor(mod(t*2,4)))*t)",
        size: "540x960",
        seconds: 7,
    },
    Recipe {
        title: "Deep water",
        caption: "Blues and greens, slow. Headphones if you have them.",
        tags: &["calm", "water", "colour"],
        picture: "gradients=s={s}:r={r}:c0=0x001a33:c1=0x00667a:c2=0x7fe0d0:nb_colors=3:speed=0.02:seed=42",
        look: "gblur=sigma=6,vignette=PI/4",
        sound: "0.22*sin(2*PI*98*t)*(0.7+0.3*sin(2*PI*0.4*t))",
        size: "540x960",
        seconds: 12,
    },
    Recipe {
        title: "Test pattern, dancing",
        caption: "The engineer's favourite film.",
        tags: &["retro", "tv"],
        picture: "testsrc2=s={s}:r={r}",
        look: "hue=h=60*t",
        sound: "0.2*sin(2*PI*523*t)*lt(mod(t,1),0.12)",
        size: "720x1280",
        seconds: 6,
    },
    Recipe {
        title: "Wide horizon",
        caption: "Turn your phone, or do not.",
        tags: &["landscape", "colour"],
        picture: "gradients=s={s}:r={r}:c0=0x2b1055:c1=0x7597de:c2=0xffb199:nb_colors=3:speed=0.015:seed=5",
        look: "vignette=PI/6",
        sound: "0.2*sin(2*PI*262*t)+0.1*sin(2*PI*392*t)",
        size: "960x540",
        seconds: 8,
    },
    Recipe {
        title: "Square dance",
        caption: "Same height as width. Still counts.",
        tags: &["pattern", "square"],
        picture: "sierpinski=s={s}:r={r}:type=carpet:seed=23",
        look: "hue=h=-35*t:s=1.6",
        sound: "0.2*sin(2*PI*(220*pow(2,floor(mod(t*3,5))/12))*t)",
        size: "540x540",
        seconds: 7,
    },
    Recipe {
        title: "Ember field",
        caption: "Cells that burn, spread and go out.",
        tags: &["life", "fire"],
        picture: "life=s=108x192:r={r}:mold=40:rule=S23/B36:ratio=0.3:seed=19:death_color=0x120404:life_color=0xffcf4a:mold_color=0xa02810",
        look: "scale={w}:{h}:flags=bilinear,gblur=sigma=3",
        sound: "0.12*(random(0)-0.5)*(0.5+0.5*sin(2*PI*0.6*t))+0.15*sin(2*PI*147*t)",
        size: "540x960",
        seconds: 9,
    },
    Recipe {
        title: "Silent film",
        caption: "No sound at all. That is on purpose.",
        tags: &["silent", "retro"],
        picture: "mandelbrot=s={s}:r={r}:start_x=-0.7436:start_y=0.1318:start_scale=0.6:end_scale=0.004:end_pts=300:maxiter=300",
        look: "hue=s=0,eq=contrast=1.3",
        sound: "",
        size: "540x960",
        seconds: 8,
    },
    Recipe {
        title: "Neon rain",
        caption: "Rule 30 in the colours of a wet street.",
        tags: &["cells", "neon", "city"],
        picture: "cellauto=s=180x320:r={r}:rule=30:random_seed=8:scroll=1:full=1",
        look: "scale={w}:{h}:flags=neighbor,gblur=sigma=1.5,colorchannelmixer=rr=0.9:rb=0.3:gg=0.3:bb=1",
        sound: "0.2*sin(2*PI*65*t)+0.1*sin(2*PI*(660-20*t)*t)*lt(mod(t,0.75),0.1)",
        size: "540x960",
        seconds: 10,
    },
];

/// Names of the people who post them.
pub const CREATORS: &[&str] = &["Ada Morgen", "Bruno Tal", "Chiara Wolf", "Dev Lines", "Emi Sato"];

/// Recipe `n`; beyond the list the same pictures come back in other colours.
pub fn recipe(n: usize) -> Recipe {
    RECIPES[n % RECIPES.len()]
}

/// Draws clip `n` into `dir`.
pub async fn draw(n: usize, dir: &Path) -> anyhow::Result<PathBuf> {
    let r = recipe(n);
    let file = dir.join(format!("demo-{n:03}.mp4"));
    let (w, h) = r.size.split_once('x').context("a size is WxH")?;
    let fill = |text: &str| {
        text.replace("{s}", r.size).replace("{r}", &FPS.to_string()).replace("{w}", w).replace("{h}", h)
    };
    let turn = (n / RECIPES.len()) * 70;
    let mut look = fill(r.look);
    if turn > 0 {
        look = format!("{look},hue=h={turn}");
    }
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", &fill(r.picture)]);
    if !r.sound.is_empty() {
        let source = format!("aevalsrc='{}':s=48000", r.sound.replace(',', "\\,"));
        command.args(["-f", "lavfi", "-i", &source, "-c:a", "aac", "-b:a", "96k"]);
    }
    let seconds = r.seconds.to_string();
    command.args(["-vf", &look, "-t", &seconds, "-c:v", "libx264", "-preset", "ultrafast", "-crf", "20"]);
    command.args(["-pix_fmt", "yuv420p", "-movflags", "+faststart"]).arg(&file);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let done = tokio::time::timeout(DRAW_TIMEOUT, command.output()).await;
    let output = done.context("drawing took too long")?.context("cannot run ffmpeg: is it installed?")?;
    if !output.status.success() {
        bail!("ffmpeg could not draw \"{}\": {}", r.title, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newcomer_gets_at_least_a_dozen_different_videos() {
        let mut titles: Vec<_> = RECIPES.iter().map(|r| r.title).collect();
        titles.dedup();
        assert!(titles.len() >= 12);
    }

    #[tokio::test]
    async fn every_recipe_draws_a_playable_file() {
        if std::process::Command::new("ffmpeg").arg("-version").output().is_err() {
            println!("skipped: ffmpeg is not installed");
            return;
        }
        let dir = tempfile::tempdir().expect("a directory");
        for n in 0..RECIPES.len() {
            let file = draw(n, dir.path()).await.expect("drawn");
            assert!(std::fs::metadata(file).expect("there").len() > 10_000);
        }
    }
}
