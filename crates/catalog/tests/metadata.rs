//! What owners may write.

use catalog::metadata::{clean, clean_appeal, clean_transform};
use catalog::policy::MetadataPolicy;
use catalog::{Metadata, Transform};
use proptest::prelude::*;
use vocab::Millis;

fn meta(title: &str, caption: &str, tags: &[&str]) -> Metadata {
    let hashtags = tags.iter().map(|t| (*t).to_owned()).collect();
    Metadata { title: title.into(), caption: caption.into(), hashtags, ..Metadata::default() }
}

/// The errors as `field code`.
fn wrong(m: Metadata) -> Vec<String> {
    match clean(m, &MetadataPolicy::default()) {
        Ok(m) => panic!("accepted {m:?}"),
        Err(e) => e.0.iter().map(|e| format!("{} {}", e.field, e.code)).collect(),
    }
}

fn right(m: Metadata) -> Metadata {
    clean(m, &MetadataPolicy::default()).expect("valid")
}

#[test]
fn texts_are_trimmed_and_composed() {
    let m = right(meta("  Cafe\u{301} ", "one\r\ntwo\rthree\n", &[]));
    assert_eq!((m.title.as_str(), m.caption.as_str()), ("Café", "one\ntwo\nthree"));
}

#[test]
fn lengths_count_characters_after_normalisation() {
    right(meta(&"é".repeat(100), &"😀".repeat(2_200), &[]));
    right(meta(&"e\u{301}".repeat(100), "", &[]));
    assert_eq!(wrong(meta(&"a".repeat(101), "", &[])), ["title too_long"]);
    assert_eq!(wrong(meta("", &"a".repeat(2_201), &[])), ["caption too_long"]);
}

#[test]
fn control_characters_are_refused() {
    assert_eq!(wrong(meta("a\nb", "", &[])), ["title control_character"]);
    assert_eq!(wrong(meta("a\0b", "a\u{7}b", &[])), ["title control_character", "caption control_character"]);
    assert_eq!(wrong(meta("evil\u{202e}gpj", "", &[])), ["title control_character"]);
    right(meta("family 👨\u{200d}👩\u{200d}👧", "tab-free\nlines", &[]));
}

#[test]
fn hashtags_are_lowercase_words_without_the_sign() {
    let m = right(meta("", "", &["#Beach", "beach", " ##SUN_2026 ", "＃东京", "दिल्ली", "Straße"]));
    assert_eq!(m.hashtags, ["beach", "sun_2026", "东京", "दिल्ली", "straße"]);
}

#[test]
fn bad_hashtags_are_named_by_their_place() {
    let long = "a".repeat(51);
    assert_eq!(
        wrong(meta("", "", &["ok", "#", "two words", &long, "a-b", "<script>"])),
        [
            "hashtags[1] empty",
            "hashtags[2] not_a_word",
            "hashtags[3] too_long",
            "hashtags[4] not_a_word",
            "hashtags[5] not_a_word"
        ]
    );
    let many: Vec<String> = (0..31).map(|n| format!("t{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(wrong(meta("", "", &many)), ["hashtags too_many"]);
    assert_eq!(right(meta("", "", &many[..30])).hashtags.len(), 30);
}

#[test]
fn an_appeal_says_something() {
    let p = MetadataPolicy::default();
    assert_eq!(clean_appeal("  please look \n", &p).expect("valid"), "please look");
    assert_eq!(clean_appeal(" \n ", &p).expect_err("empty").0[0].code, "empty");
    assert_eq!(clean_appeal(&"a".repeat(1_001), &p).expect_err("long").0[0].code, "too_long");
}

fn trim(start: Option<i64>, end: Option<i64>, cover: Option<i64>) -> Transform {
    Transform {
        trim_start_ms: start.map(Millis),
        trim_end_ms: end.map(Millis),
        mute: false,
        cover_at_ms: cover.map(Millis),
    }
}

#[test]
fn a_trim_leaves_between_a_second_and_three_minutes() {
    let cases: &[(Transform, Option<i64>, &str)] = &[
        (trim(None, None, None), None, ""),
        (trim(Some(500), Some(1_500), None), None, ""),
        (trim(Some(0), Some(180_000), None), None, ""),
        (trim(Some(500), Some(500), None), None, "transform.trim_end_ms not_after_start"),
        (trim(Some(500), Some(499), None), None, "transform.trim_end_ms not_after_start"),
        (trim(None, Some(0), None), None, "transform.trim_end_ms not_after_start"),
        (trim(Some(500), Some(1_499), None), None, "transform.trim_end_ms too_short"),
        (trim(Some(0), Some(180_001), None), None, "transform.trim_end_ms too_long"),
        (trim(Some(-1), None, None), None, "transform.trim_start_ms negative"),
        (trim(None, None, Some(-1)), None, "transform.cover_at_ms negative"),
        (trim(None, Some(5_000), Some(4_999)), None, ""),
        (trim(None, Some(5_000), Some(5_000)), None, "transform.cover_at_ms out_of_range"),
        (trim(None, None, Some(180_000)), None, "transform.cover_at_ms out_of_range"),
        // With the length of the file.
        (trim(None, Some(5_001), None), Some(5_000), "transform.trim_end_ms out_of_range"),
        (trim(Some(4_001), None, None), Some(5_000), "transform.trim_start_ms too_short"),
        (trim(Some(6_000), None, None), Some(5_000), "transform.trim_start_ms too_short"),
        (trim(Some(4_000), None, None), Some(5_000), ""),
        (trim(None, None, None), Some(180_001), "transform.trim_end_ms too_long"),
        (trim(None, Some(180_000), None), Some(400_000), ""),
        (trim(None, None, Some(4_999)), Some(5_000), ""),
        (trim(None, None, Some(5_000)), Some(5_000), "transform.cover_at_ms out_of_range"),
    ];
    for (transform, duration, expected) in cases {
        let said = match clean_transform(transform, duration.map(Millis), &MetadataPolicy::default()) {
            Ok(same) => {
                assert_eq!(same, *transform);
                String::new()
            }
            Err(e) => e.0.iter().map(|e| format!("{} {}", e.field, e.code)).collect::<Vec<_>>().join(", "),
        };
        assert_eq!(said, *expected, "{transform:?} of {duration:?}");
    }
}

proptest! {
    #[test]
    fn what_was_cleaned_is_clean(
        title in "\\PC{0,120}",
        caption in ".{0,200}",
        tags in proptest::collection::vec("\\PC{0,12}", 0..6),
    ) {
        let m = Metadata { title, caption, hashtags: tags, ..Metadata::default() };
        if let Ok(once) = clean(m, &MetadataPolicy::default()) {
            prop_assert!(once.title.chars().count() <= 100);
            prop_assert_eq!(clean(once.clone(), &MetadataPolicy::default()), Ok(once));
        }
    }

    #[test]
    fn no_times_panic(
        start in proptest::option::of(any::<i64>()),
        end in proptest::option::of(any::<i64>()),
        cover in proptest::option::of(any::<i64>()),
        duration in proptest::option::of(any::<i64>()),
    ) {
        let t = trim(start, end, cover);
        if clean_transform(&t, duration.map(Millis), &MetadataPolicy::default()).is_ok() {
            let start = start.unwrap_or(0);
            if let Some(end) = end.or(duration) {
                prop_assert!((1_000..=180_000).contains(&(end - start)));
            }
        }
    }
}

#[test]
fn words_of_the_operators_list_are_refused_where_they_are_new() {
    use catalog::metadata::check_words;
    let blocked_words = catalog::BlockedWords::new(["foul word"]);
    let policy = MetadataPolicy { blocked_words, ..MetadataPolicy::default() };
    let old = Metadata { title: "a foul word".into(), ..Metadata::default() };
    let fresh = check_words(&old, &Metadata::default(), &policy).expect_err("refused");
    assert_eq!((fresh.0[0].field.as_str(), fresh.0[0].code), ("title", "blocked_words"));
    assert!(fresh.0[0].message.contains("foul word"));
    // An old title does not keep its owner from changing the audience.
    let private = Metadata { visibility: vocab::Visibility::Private, ..old.clone() };
    assert!(check_words(&private, &old, &policy).is_ok());
    let worse = Metadata { caption: "FOUL\nWORD".into(), ..old.clone() };
    assert_eq!(check_words(&worse, &old, &policy).expect_err("refused").0[0].field, "caption");
}
