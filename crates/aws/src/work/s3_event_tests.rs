use super::*;
use proptest::prelude::*;
use serde_json::json;

/// As S3 writes it, shortened by what nobody reads.
const DIRECT: &str = r#"{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"us-east-1",
  "eventTime":"2026-11-22T10:00:00.123Z","eventName":"ObjectCreated:CompleteMultipartUpload",
  "s3":{"s3SchemaVersion":"1.0","configurationId":"raw","bucket":{"name":"media","arn":"arn:aws:s3:::media"},
  "object":{"key":"raw/a+b/%C3%BC%2B1.mp4","size":1024,"eTag":"d41d8cd98f00b204e9800998ecf8427e-3",
  "sequencer":"0055AED6DCD90281E5"}}},
 {"eventSource":"aws:s3","eventName":"ObjectRemoved:Delete","s3":{"bucket":{"name":"media"},
  "object":{"key":"raw/gone","sequencer":"0055AED6DCD90281E6"}}},
 {"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"media"},
  "object":{"key":"raw/second","size":0}}}]}"#;

const BRIDGE: &str = r#"{"version":"0","id":"17793124-05d4-b198-2fde-7ededc63b103",
  "detail-type":"Object Created","source":"aws.s3","account":"111122223333","time":"2026-11-22T10:00:00Z",
  "region":"us-east-1","resources":["arn:aws:s3:::media"],"detail":{"version":"0","bucket":{"name":"media"},
  "object":{"key":"raw/a+b/100%.mp4","size":5,"etag":"b1946ac92492d2347c6235b4d2611184",
  "version-id":"x","sequencer":"00617F08299329D189"},"request-id":"N4N7GDK58NMKJ12R","requester":"123456789012",
  "source-ip-address":"1.2.3.4","reason":"PutObject"}}"#;

fn keys(parsed: &Parsed) -> Vec<&str> {
    parsed.created.iter().map(|c| c.key.as_str()).collect()
}

#[test]
fn a_notification_holds_many_records_and_its_keys_are_decoded() {
    let parsed = parse(DIRECT).expect("the case holds");
    assert_eq!(keys(&parsed), ["raw/a b/ü+1.mp4", "raw/second"]);
    let first = &parsed.created[0];
    assert_eq!((first.bucket.as_str(), first.size), ("media", Some(1024)));
    assert_eq!(first.etag.as_deref(), Some("d41d8cd98f00b204e9800998ecf8427e-3"));
    assert_eq!(first.sequencer, Some(Sequencer::new("0055aed6dcd90281e5")));
    assert_eq!((parsed.damaged, &parsed.created[1].sequencer), (0, &None));
}

#[test]
fn the_same_in_an_envelope_is_the_same() {
    let envelope = json!({"Type": "Notification", "MessageId": "m", "TopicArn": "arn:aws:sns:us-east-1:1:t",
        "Subject": "Amazon S3 Notification", "Message": DIRECT, "Timestamp": "2026-11-22T10:00:00Z"});
    assert_eq!(parse(&envelope.to_string()), parse(DIRECT));
}

#[test]
fn keys_from_the_bus_are_not_decoded() {
    let parsed = parse(BRIDGE).expect("the case holds");
    assert_eq!(keys(&parsed), ["raw/a+b/100%.mp4"]);
    assert_eq!(parsed.created[0].etag.as_deref(), Some("b1946ac92492d2347c6235b4d2611184"));
}

#[test]
fn test_events_and_other_news_hold_nothing() {
    let test =
        r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-11-22T10:00:00Z","Bucket":"media"}"#;
    assert_eq!(parse(test), Ok(Parsed::default()));
    assert_eq!(parse(&BRIDGE.replace("Object Created", "Object Deleted")), Ok(Parsed::default()));
    assert_eq!(parse(r#"{"Records":[]}"#), Ok(Parsed::default()));
    let confirmation = r#"{"Type":"SubscriptionConfirmation","Message":"You have chosen to subscribe"}"#;
    assert!(parse(confirmation).is_err());
}

#[test]
fn poison_is_told_from_nothing() {
    for body in ["", "{", "null", "7", "[]", "{}", r#"{"Type":"Notification","Message":"{"}"#] {
        assert!(parse(body).is_err(), "{body}");
    }
    let deep = (0..9)
        .fold(DIRECT.to_owned(), |inner, _| json!({"Type": "Notification", "Message": inner}).to_string());
    assert!(parse(&deep).is_err());
    for key in ["%zz", "%+1", "%4", "%ff", ""] {
        let one = json!({"Records": [{"eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "b"}, "object": {"key": key}}}]});
        let parsed = parse(&one.to_string()).expect("the case holds");
        assert_eq!((parsed.created.len(), parsed.damaged), (0, 1), "{key}");
    }
}

#[test]
fn sequencers_of_unequal_length_compare_from_the_left() {
    let s = Sequencer::new;
    assert!(s("0055AED6DCD90281E5") < s("0055aed6dcd90281e6"));
    assert!(s("0055AED6DCD90281E5") < s("0055AED6DCD90281E501"));
    assert_eq!(s("0055AED6DCD90281E5"), s("0055AED6DCD90281E5000"));
    assert!(s("1") > s("0FFFFFFFFF"), "not as numbers");
}

#[test]
fn of_one_objects_events_the_last_is_kept() {
    let one = |key: &str, sequencer: Option<&str>| Created {
        bucket: "b".into(),
        key: key.into(),
        size: None,
        etag: sequencer.map(str::to_owned),
        sequencer: sequencer.map(Sequencer::new),
    };
    let all = vec![
        one("x", Some("02")),
        one("y", None),
        one("x", Some("01")),
        one("x", Some("03")),
        one("y", None),
    ];
    let left: Vec<_> = latest(all).into_iter().map(|c| (c.key, c.etag)).collect();
    assert_eq!(left, [("x".to_owned(), Some("03".to_owned())), ("y".to_owned(), None)]);
}

fn encoded(key: &str) -> String {
    key.bytes().fold(String::new(), |out, b| match b {
        b' ' => out + "+",
        b'a'..=b'z' | b'0'..=b'9' | b'/' => out + &char::from(b).to_string(),
        other => out + &format!("%{other:02X}"),
    })
}

proptest! {
    #[test]
    fn any_key_comes_back_as_it_was(key in "\\PC{1,40}") {
        prop_assert_eq!(decoded(&encoded(&key)), Some(key));
    }

    #[test]
    fn nothing_makes_the_parser_fall(body in "\\PC{0,200}") {
        let _ = parse(&body);
        let _ = decoded(&body);
    }

    #[test]
    fn padding_by_hand_gives_the_same_order(a in "[0-9A-F]{1,20}", b in "[0-9A-F]{1,20}") {
        let padded = |s: &str| format!("{s:0<24}");
        prop_assert_eq!(Sequencer::new(&a).cmp(&Sequencer::new(&b)), padded(&a).cmp(&padded(&b)));
    }
}
