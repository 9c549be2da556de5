//! Packages track files in every way there is, for readers by other people to look at:
//! `cargo run -p packager --example packages -- OUT audio.mp4 rung.mp4 [rung.mp4 …]`.
//! Each package has a `facts.json` that says what they should find.

use packager::policy::CaptionLimits;
use packager::{
    Addresses, Captions, CaptionsTrack, Files, IFrameStream, Multivariant, Packaging, Rendition, Sound,
    SoundTrack, Variant, captions_playlist, language_name, pack, pack_sound, same_cuts,
};
use serde_json::{Value, json};
use std::error::Error;
use std::path::Path;
use vocab::Millis;

const CAPTIONS: &str = "WEBVTT\n\n00:00.500 --> 00:02.000 align:start\n<v Ann>Hello &amp; <i>welcome</i>\n\n\
                        00:03.000 --> 09:00.000\nto the end\n";
const SEGMENT: Millis = Millis(2_000);

struct Tracks {
    audio: Vec<u8>,
    rungs: Vec<Vec<u8>>,
}

fn addresses(files: Files) -> Addresses {
    match files {
        Files::Single => Addresses::Single { file: "media.mp4".into() },
        Files::Segments => Addresses::Segments { init: "init.mp4".into(), ending: ".m4s".into() },
    }
}

fn write(dir: &Path, r: &Rendition, files: Files) -> Result<Value, Box<dyn Error>> {
    std::fs::create_dir_all(dir)?;
    std::fs::write(dir.join("media.m3u8"), r.playlist(&addresses(files)))?;
    if !r.i_frames.is_empty() {
        std::fs::write(dir.join("iframes.m3u8"), r.i_frame_playlist(&addresses(files)))?;
    }
    if files == Files::Single {
        std::fs::write(dir.join("media.mp4"), r.single_file())?;
    } else {
        std::fs::write(dir.join("init.mp4"), &r.init)?;
        for (n, s) in r.segments.iter().enumerate() {
            std::fs::write(dir.join(format!("{n}.m4s")), s)?;
        }
    }
    let i_frames: Vec<Value> = (r.i_frames.iter())
        .map(|i| json!({ "segment": i.segment, "offset": i.offset, "bytes": i.bytes, "micros": i.micros }))
        .collect();
    Ok(json!({
        "dir": dir.file_name().and_then(|n| n.to_str()), "codecs": r.codecs, "channels": r.channels,
        "width": r.width, "height": r.height, "fps_milli": r.fps_milli, "target_s": r.target_s(),
        "init_bytes": r.init.len(), "segment_micros": r.segment_micros,
        "segment_bytes": r.segments.iter().map(bytes::Bytes::len).collect::<Vec<_>>(),
        "peak_bps": r.peak_bps, "average_bps": r.average_bps, "first_frame_bytes": r.first_frame_bytes,
        "i_frame_bps": r.i_frame_bps().0, "i_frames": i_frames,
    }))
}

fn write_captions(dir: &Path, micros: u64) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(dir)?;
    let captions = Captions::parse(CAPTIONS.as_bytes(), &CaptionLimits::default())?;
    std::fs::write(dir.join("captions.vtt"), captions.to_vtt(Some(Millis((micros / 1000) as i64))))?;
    std::fs::write(dir.join("media.m3u8"), captions_playlist("captions.vtt", micros))?;
    Ok(())
}

fn package(dir: &Path, tracks: &Tracks, how: &Packaging) -> Result<(), Box<dyn Error>> {
    let lengths = how.lengths(SEGMENT, SEGMENT);
    let muxed = Some(tracks.audio.as_slice()).filter(|_| how.sound == Sound::Muxed);
    let (mut all, mut rungs) = (Multivariant::default(), Vec::new());
    let mut facts = Vec::new();
    for (n, track) in tracks.rungs.iter().enumerate() {
        let r = pack(track, muxed, &lengths)?;
        facts.push(write(&dir.join(format!("r{n}")), &r, how.files)?);
        let mut variant = Variant::of(&r, format!("r{n}/media.m3u8"));
        let (peak_bps, average_bps) = r.i_frame_bps();
        variant.i_frames = Some(IFrameStream { uri: format!("r{n}/iframes.m3u8"), peak_bps, average_bps });
        all.variants.push(variant);
        rungs.push(r);
    }
    same_cuts(&rungs)?;
    let mut sound = Value::Null;
    if how.sound == Sound::Own {
        let r = pack_sound(&tracks.audio, &rungs[0])?.ok_or("no sound")?;
        sound = write(&dir.join("sound"), &r, how.files)?;
        all.sound = Some(SoundTrack {
            uri: "sound/media.m3u8".into(),
            peak_bps: r.peak_bps,
            average_bps: r.average_bps,
            codecs: r.codecs,
            channels: r.channels,
        });
    }
    write_captions(&dir.join("pt-BR"), rungs[0].segment_micros.iter().sum())?;
    all.captions.push(CaptionsTrack {
        uri: "pt-BR/media.m3u8".into(),
        language: "pt-BR".into(),
        name: language_name("pt-BR"),
    });
    std::fs::write(dir.join("main.m3u8"), all.text())?;
    let facts = json!({ "packaging": how, "rungs": facts, "sound": sound, "captions": ["pt-BR"] });
    std::fs::write(dir.join("facts.json"), serde_json::to_string_pretty(&facts)?)?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let out = args.next().ok_or("usage: packages OUT audio.mp4 rung.mp4 [rung.mp4 …]")?;
    let audio = std::fs::read(args.next().ok_or("no audio track")?)?;
    let rungs = args.map(std::fs::read).collect::<Result<Vec<_>, _>>()?;
    let tracks = Tracks { audio, rungs };
    for (sound, s) in [(Sound::Muxed, "muxed"), (Sound::Own, "own")] {
        for (files, f) in [(Files::Segments, "segments"), (Files::Single, "single")] {
            for (ramp_ms, r) in [(vec![], "even"), (Packaging::ramp(), "ramp")] {
                let how = Packaging { sound, files, ramp_ms, i_frames: true };
                package(&Path::new(&out).join(format!("{s}-{f}-{r}")), &tracks, &how)?;
            }
        }
    }
    Ok(())
}
