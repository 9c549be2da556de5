//! Facts and refusals from what ffprobe says, without a file.

use super::{Matrix, Source, audit};
use crate::policy::Intake;
use crate::probe::Probe;
use serde_json::{Value, json};
use vocab::Millis;

/// Two seconds of 1280 × 720 with sound.
fn said() -> Value {
    let picture = |n: i64| json!({ "stream_index": 0, "pts_time": format!("{}.{:06}", n / 25, n % 25 * 40_000), "duration_time": "0.040000", "flags": if n % 25 == 0 { "K_" } else { "__" } });
    let mut packets: Vec<Value> = (0..50).map(picture).collect();
    packets.push(
        json!({ "stream_index": 1, "pts_time": "0.000000", "duration_time": "2.000000", "flags": "K_" }),
    );
    json!({
        "packets": packets,
        "streams": [
            { "index": 0, "codec_type": "video", "codec_name": "h264", "width": 1280, "height": 720, "duration": "2.000000" },
            { "index": 1, "codec_type": "audio", "codec_name": "aac", "channels": 2, "bit_rate": "128000" },
        ],
        "format": { "format_name": "mov", "start_time": "0.000000" },
    })
}

fn judged(said: Value) -> Result<Source, String> {
    let probe: Probe = serde_json::from_value(said).expect("a probe");
    audit(&probe, "", 1_000_000, &Intake::default()).map_err(|r| r.code)
}

fn changed(change: impl FnOnce(&mut Value)) -> Result<Source, String> {
    let mut said = said();
    change(&mut said);
    judged(said)
}

#[test]
fn a_plain_file_has_its_facts() {
    let s = judged(said()).expect("is fine");
    assert_eq!((s.facts.width, s.facts.height, s.facts.fps_milli), (1280, 720, 25_000));
    assert_eq!((s.facts.duration_ms, s.pictures, s.facts.has_audio), (Millis(2_000), 50, true));
    assert_eq!((s.times.key_frames, s.times.key_gap_us, s.video.matrix), (2, 1_000_000, Matrix::Bt709));
}

#[test]
fn the_display_size_knows_the_shape_of_a_pixel_and_which_way_is_up() {
    let turn = json!([{ "displaymatrix": "\n00000000: 0 65536 0\n00000001: -65536 0 0\n00000002: 0 0 1073741824\n" }]);
    for (shape, matrix, size) in [
        ("1:1", json!([]), (1280, 720)),
        ("4:3", json!([]), (1707, 720)),
        ("0:1", json!([]), (1280, 720)),
        ("1:1", turn.clone(), (720, 1280)),
        ("2:1", turn, (720, 2560)),
    ] {
        let s = changed(|s| {
            s["streams"][0]["sample_aspect_ratio"] = json!(shape);
            s["streams"][0]["side_data_list"] = matrix;
        });
        let facts = s.expect("is fine").facts;
        assert_eq!((facts.width, facts.height), size, "{shape}");
    }
    for shape in ["60000:1", "1:60000"] {
        let code = changed(|s| s["streams"][0]["sample_aspect_ratio"] = json!(shape)).expect_err("refused");
        assert_eq!(code, "media.unreadable", "{shape}");
    }
}

#[test]
fn streams_are_chosen_by_what_they_are_and_named_by_index() {
    let s = changed(|s| {
        let streams = s["streams"].as_array_mut().expect("streams");
        for stream in streams.iter_mut() {
            stream["index"] = json!(stream["index"].as_u64().expect("an index") + 2);
        }
        streams.insert(0, json!({ "index": 0, "codec_type": "data" }));
        streams.insert(1, json!({ "index": 1, "codec_type": "video", "codec_name": "png", "disposition": { "attached_pic": 1 } }));
        for p in s["packets"].as_array_mut().expect("packets") {
            p["stream_index"] = json!(p["stream_index"].as_u64().expect("an index") + 2);
        }
    });
    let s = s.expect("is fine");
    assert_eq!((s.video.index, s.audio.map(|a| a.index)), (2, Some(3)));
    let silent = changed(|s| s["packets"].as_array_mut().expect("packets").truncate(50)).expect("is fine");
    assert!(silent.audio.is_none(), "a track of sound with nothing in it is no sound");
}

#[test]
fn what_is_refused_has_its_code() {
    let code = |change: &dyn Fn(&mut Value)| changed(|s| change(s)).expect_err("refused");
    let video =
        |key: &'static str, value: Value| code(&move |s: &mut Value| s["streams"][0][key] = value.clone());
    assert_eq!(video("codec_name", json!("mjpeg")), "media.unsupported_codec");
    assert_eq!(video("codec_type", json!("data")), "media.no_video");
    assert_eq!(video("width", json!(7680)), "media.too_large");
    assert_eq!(video("height", json!(0)), "media.unreadable");
    assert_eq!(video("duration", json!("9.000000")), "media.truncated");
    assert_eq!(code(&|s| s["streams"][1]["codec_name"] = json!("cook")), "media.unsupported_codec");
    assert_eq!(code(&|s| s["packets"] = json!([])), "media.no_video");
    let many = |s: &mut Value| {
        let one = s["streams"][1].clone();
        s["streams"].as_array_mut().expect("streams").extend(std::iter::repeat_n(one, 4));
    };
    assert_eq!(code(&many), "media.unsupported_codec");
}

#[test]
fn pictures_too_many_or_too_large_together_are_refused() {
    let rate = |every_us: i64, count: i64| {
        changed(move |s| {
            let picture = |n: i64| json!({ "stream_index": 0, "pts_time": format!("{}.{:06}", n * every_us / 1_000_000, n * every_us % 1_000_000), "duration_time": "0.000001", "flags": "K_" });
            s["packets"] = (0..count).map(picture).collect();
            s["streams"][0]["width"] = json!(4096);
            s["streams"][0]["height"] = json!(2304);
            s["streams"][0]["duration"] = Value::Null;
        })
        .map(|s| s.pictures)
    };
    assert_eq!(rate(1_000, 3_000), Err("media.unsupported_codec".into()));
    assert_eq!(rate(4_200, 40_000), Err("media.too_large".into()));
    assert_eq!(rate(33_333, 5_000), Ok(5_000));
}

/// A decoder decodes them all, whatever their times are.
#[test]
fn pictures_that_are_never_shown_or_share_a_moment_cost_as_much_as_others() {
    let crowd = |time: Value, flags: &'static str| {
        changed(move |s| {
            let crowded = json!({ "stream_index": 0, "pts_time": time, "flags": flags });
            s["packets"].as_array_mut().expect("packets").extend(std::iter::repeat_n(crowded, 3_000));
        })
        .map(|s| s.pictures)
    };
    for (time, flags) in [(json!("1.000000"), "__"), (Value::Null, "__"), (json!("1.000000"), "_D")] {
        assert_eq!(crowd(time, flags), Err("media.unsupported_codec".into()), "{flags}");
    }
    // Spread over a time long enough, they are still too many of this size.
    let spread = changed(|s| {
        let hidden = |n: i64| json!({ "stream_index": 0, "pts_time": format!("-{n}.000000"), "flags": "_D" });
        let packets = s["packets"].as_array_mut().expect("packets");
        packets.extend((1..4_000).flat_map(|n| std::iter::repeat_n(hidden(n), 9)));
        (s["streams"][0]["width"], s["streams"][0]["height"]) = (json!(4096), json!(2304));
    });
    assert_eq!(spread.map(|s| s.pictures), Err("media.too_large".into()));
    // What a cut at a key frame leaves before the beginning is no attack.
    let cut = changed(|s| {
        let before = |n: i64| json!({ "stream_index": 0, "pts_time": format!("-{}.{:06}", n / 60, n % 60 * 16_666), "flags": "_D" });
        s["packets"].as_array_mut().expect("packets").extend((1..=600).map(before));
    });
    assert_eq!(cut.map(|s| s.pictures), Ok(50));
}
