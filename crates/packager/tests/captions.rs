//! Captions files as owners send them, and as nobody should.

use packager::policy::CaptionLimits;
use packager::{CaptionError, Captions};
use proptest::prelude::*;
use vocab::{Bytes, Millis};

fn parse(text: &str) -> Result<Captions, CaptionError> {
    Captions::parse(text.as_bytes(), &CaptionLimits::default())
}

/// One caption with this text, written again.
fn written(text: &str) -> Result<String, CaptionError> {
    let vtt = parse(&format!("WEBVTT\n\n00:01.000 --> 00:02.000\n{text}\n"))?.to_vtt(None);
    Ok(vtt.trim_start_matches("WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n").trim_end().to_owned())
}

#[test]
fn a_usual_file_is_read_and_written_plainly() {
    let file = "\u{feff}WEBVTT - made by a tool\r\nKind: captions\r\n\r\nNOTE\r\nsecret remark\r\n\r\n1\r\n00:00:01.000 --> \
                00:00:02.500 align:start line:85% region:x\r\n<v Roger>Hello,\r\n<c.loud>wor<00:00:02.000>ld</c>\r\n\r\n\r\n\
                00:02.500 --> 00:04.000\r\nR&B <i>now</b> &amp; &lt;then&gt;\r\n";
    let vtt = parse(file).expect("parses").to_vtt(None);
    assert_eq!(
        vtt,
        "WEBVTT\n\n00:00:01.000 --> 00:00:02.500 align:start line:85%\nHello,\nworld\n\n00:00:02.500 --> \
         00:00:04.000\nR&amp;B <i>now &amp; &lt;then&gt;</i>\n"
    );
}

#[test]
fn captions_end_with_the_video() {
    let captions =
        parse("WEBVTT\n\n00:01.000 --> 00:09.000\na\n\n00:08.000 --> 00:09.000\nb\n").expect("parses");
    let vtt = captions.to_vtt(Some(Millis(7_000)));
    assert!(vtt.contains("00:00:01.000 --> 00:00:07.000\na") && !vtt.contains('b'), "{vtt}");
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    for (body, line, what) in [
        ("00:01.000 --> 00:02.000\n<script>x</script>", 4, "markup that is not of WebVTT"),
        ("00:01.000 --> 00:02.000\nfine\n<img src=x>", 5, "markup that is not of WebVTT"),
        ("00:01.000 --> 00:02.000\na < b", 4, "a < without a >"),
        ("00:01.000 --> 00:02.000\nsee https://example.org", 3, "an address"),
        ("00:01.000 --> 00:02.000\nsee https:<c>//example.org", 3, "an address"),
        ("00:01.000 --> 00:02.000\nhttps:<b></b>//example.org", 3, "an address"),
        ("00:01.000 --> 00:02.000\nbell \u{7}", 4, "a control character"),
        ("00:02.000 --> 00:02.000\nx", 3, "it ends before it begins"),
        ("00:02 --> 00:03.000\nx", 3, "the first time"),
        ("00:01.000 --> 00:61.000\nx", 3, "the second time"),
        ("00:01.000 --> 11:00:00.000\nx", 3, "later than any video"),
        ("00:05.000 --> 00:06.000\nx\n\n00:01.000 --> 00:02.000\ny", 6, "before the caption above it"),
        ("00:05.000 --> 00:06.000\nx\n00:07.000 --> 00:08.000\ny", 5, "a second time"),
        ("STYLE\n::cue { background: url(x) }", 3, "style sheets"),
        ("REGION\nid:a", 3, "style sheets"),
        ("hello", 3, "neither a caption"),
    ] {
        match parse(&format!("WEBVTT\n\n{body}\n")) {
            Err(CaptionError::Bad { line: at, what: said }) => {
                assert!(said.contains(what) && at == line, "{body}: {said} at {at}");
            }
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn files_that_are_none_are_refused() {
    assert_eq!(parse("1\n00:00:01,000 --> 00:00:02,000\nSubRip\n"), Err(CaptionError::NoHeader));
    assert_eq!(parse("WEBVTTX\n"), Err(CaptionError::NoHeader));
    assert_eq!(parse("WEBVTT\n\nNOTE nothing\n"), Err(CaptionError::Empty));
    assert_eq!(Captions::parse(b"WEBVTT\n\xff", &CaptionLimits::default()), Err(CaptionError::NotText));
    let small = CaptionLimits { bytes_max: Bytes(10), ..CaptionLimits::default() };
    assert_eq!(Captions::parse(b"WEBVTT\n\n\n\n\n", &small), Err(CaptionError::TooLarge(Bytes(10))));
    let cue = "00:01.000 --> 00:02.000\nx\n\n";
    let many = CaptionLimits { cues_max: 3, ..CaptionLimits::default() };
    let file = format!("WEBVTT\n\n{}", cue.repeat(4));
    assert_eq!(Captions::parse(file.as_bytes(), &many), Err(CaptionError::TooMany(3)));
}

#[test]
fn a_row_of_markup_cannot_open_another_block() {
    assert_eq!(written("a\n<c></c>\nSTYLE"), Ok("a\nSTYLE".into()));
    assert_eq!(written("<ruby>\nNOTE"), Ok("NOTE".into()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(data in proptest::collection::vec(any::<u8>(), 0..500)) {
        let mut file = b"WEBVTT\n\n".to_vec();
        let _ = Captions::parse(&data, &CaptionLimits::default());
        file.extend(data);
        let _ = Captions::parse(&file, &CaptionLimits::default());
    }

    #[test]
    fn what_is_written_is_read_the_same_and_holds_nothing_foreign(
        texts in proptest::collection::vec("[<>&/a-z:;. \n\t\u{202e}é-]{0,40}", 1..5),
        tags in proptest::collection::vec(prop_oneof![
            Just("<b>"), Just("</b>"), Just("<i>"), Just("<c.x>"), Just("</c>"), Just("\nSTYLE"), Just("-->"),
            Just("\n\nREGION\n"), Just("&lt;"), Just("<00:01.000>")], 1..5),
    ) {
        let mut file = String::from("WEBVTT\n");
        for (n, text) in texts.iter().enumerate() {
            let tag = tags[n % tags.len()];
            file.push_str(&format!("\n00:0{n}.000 --> 00:09.000\n{tag}{text}{tag}\n"));
        }
        if let Ok(captions) = parse(&file) {
            let once = captions.to_vtt(None);
            prop_assert_eq!(parse(&once).expect("our own").to_vtt(None), once.clone());
            let mut plain = once.clone();
            for tag in ["<b>", "</b>", "<i>", "</i>", "<u>", "</u>", "-->"] {
                plain = plain.replace(tag, "");
            }
            prop_assert!(!plain.contains('<') && !plain.contains('>') && !plain.contains("://"), "{}", once);
            prop_assert!(!once.lines().any(|l| l == "REGION"), "{}", once);
        }
    }
}
