//! What infrastructure must provide, as data: `signal contract` prints it, `infra/contract.json` keeps it.

use crate::config::Config;
use anyhow::Context;
use serde_json::{Map, Value, json};
use vocab::{CacheClass, MediaKey, PackageId, RenditionId, UploadId, VideoId};

/// Grows when a reader of the contract must change with it.
const VERSION: u32 = 1;

/// The whole contract. Equal builds print equal text.
pub fn document() -> anyhow::Result<Value> {
    Ok(json!({
        "version": VERSION,
        "tables": crate::wiring::aws::tables(),
        "queues": crate::wiring::aws::queues(),
        "bus": bus(),
        "mediaconvert": encoder(),
        "rekognition": eyes(),
        "bucket": aws::objects::BUCKET,
        "events": events()?,
        "env": env()?,
        "roles": roles(),
        "cache_classes": cache_classes(),
        "objects": objects(),
    }))
}

/// The bus, and what each running process makes for itself there.
fn bus() -> Value {
    json!({
        "name": crate::wiring::aws::bus_name(""),
        // Of every process at its start and for readiness.
        "actions": ["events:DescribeEventBus", "events:PutEvents"],
        "each_process": {
            "roles": ["api"],
            "queue": "ears-<16 hex digits>", "rule": "ears-<16 hex digits>",
            "actions": [
                "events:PutEvents", "events:PutRule", "events:PutTargets", "events:RemoveTargets",
                "events:DeleteRule", "sqs:CreateQueue", "sqs:TagQueue", "sqs:ListQueues", "sqs:ListQueueTags",
                "sqs:SetQueueAttributes", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:DeleteMessage",
                "sqs:DeleteQueue",
            ],
        },
    })
}

/// Where `moderation` names Rekognition: the topic that feeds the queue, and who may do what.
fn eyes() -> Value {
    use aws::rekognition::{ACTIONS, LOOK_QUEUE, LOOK_TOPIC, ROLE_ACTIONS, TOPIC_KEY};
    json!({
        "actions": ACTIONS,
        // Stored videos are read with the rights of the worker that asks.
        "reads": "raw/",
        "service_role": {
            "trusts": "rekognition.amazonaws.com",
            "actions": ROLE_ACTIONS,
            "publishes": LOOK_TOPIC,
        },
        "topic": { "name": LOOK_TOPIC, "queue": LOOK_QUEUE.name, "raw_message_delivery": false },
        "encrypted_topic_needs": TOPIC_KEY,
    })
}

/// Where `encoder.url` is `mediaconvert://…`: the rule that feeds the queue, and who may do what.
fn encoder() -> Value {
    use aws::mediaconvert::{ACTIONS, ROLE_ACTIONS, event, job::meta};
    json!({
        "actions": ACTIONS,
        "service_role": {
            "trusts": "mediaconvert.amazonaws.com",
            "actions": ROLE_ACTIONS,
            "reads": "raw/", "writes": "encoded/",
        },
        "rule": {
            // The account's own bus, on which AWS services speak; the queue is of `queues`.
            "bus": "default", "queue": aws::work::queues::MEDIA_QUEUE.name,
            "pattern": {
                "source": [event::SOURCE], "detail-type": [event::DETAIL_TYPE],
                "detail": { "userMetadata": { (meta::WORK): [{ "exists": true }] } },
            },
        },
    })
}

/// What clients send, as the API's document describes it, and the words of its kinds.
fn events() -> anyhow::Result<Value> {
    let document: Value = serde_json::from_str(&crate::serve::openapi_json()?)?;
    let schema = |name: &str| {
        let found = &document["components"]["schemas"][name];
        anyhow::ensure!(found.is_object(), "the API's document has no schema {name}");
        Ok(found.clone())
    };
    let kinds: Vec<Value> = events::EventKind::ALL
        .iter()
        .map(|k| json!({ "type": k.word(), "needs_video": k.needs_video() }))
        .collect();
    Ok(json!({
        "kinds": kinds,
        "domain": aws::work::EVENT_TYPES,
        "schemas": { "EventBatch": schema("EventBatch")?, "Event": schema("Event")? },
    }))
}

/// Every setting as the variable that sets it, with its default.
fn env() -> anyhow::Result<Vec<Value>> {
    let defaults = serde_json::to_value(Config::default()).context("the defaults are a table")?;
    let mut all = Vec::new();
    walk("SIGNAL", &defaults, &mut all);
    for name in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
        all.push(json!({ "name": name, "about": "the AWS chain; a role of the task is better" }));
    }
    Ok(all)
}

fn walk(path: &str, value: &Value, all: &mut Vec<Value>) {
    match value {
        Value::Object(inner) => {
            let joint = if path == "SIGNAL" { "_" } else { "__" };
            for (key, value) in inner {
                walk(&format!("{path}{joint}{}", key.to_uppercase()), value, all);
            }
        }
        leaf => all.push(json!({ "name": path, "default": leaf })),
    }
}

/// The kinds of process, what each is reached by and what it reaches.
fn roles() -> Value {
    json!([
        {
            "role": "api", "command": ["run", "api"], "port": "SIGNAL_SERVER__PORT",
            "live": "/healthz", "ready": "/readyz", "metrics": "/metrics",
            "uses": ["tables", "objects", "queues", "bus"], "keeps_on_disk": "nothing",
        },
        {
            "role": "worker", "command": ["run", "worker"], "port": null,
            "uses": ["tables", "objects", "queues", "bus"], "keeps_on_disk": "scratch of running jobs",
        },
        {
            "role": "objects", "command": ["run", "objects"], "port": "SIGNAL_OBJECTS__PORT",
            "uses": ["tables"], "keeps_on_disk": "objects; only where there is no S3",
        },
    ])
}

fn cache_classes() -> Value {
    let class =
        |name: &str, class: CacheClass| json!({ "class": name, "cache_control": class.cache_control() });
    json!([
        class("private", CacheClass::Private),
        class("immutable", CacheClass::Immutable),
        class("mutable", CacheClass::Mutable),
    ])
}

const fn class_word(class: CacheClass) -> &'static str {
    match class {
        CacheClass::Private => "private",
        CacheClass::Immutable => "immutable",
        CacheClass::Mutable => "mutable",
    }
}

/// Every class of object: where it lies, what fetches it, how long it may be kept.
fn objects() -> Vec<Value> {
    let (video, package, rendition) = (VideoId(1), PackageId(2), RenditionId(3));
    let (upload, digest) = (UploadId(4), 5);
    let samples = [
        ("raw", MediaKey::Raw { video, upload }),
        ("review_frame", MediaKey::ReviewFrame { video, digest, n: 6 }),
        ("draft_sprite", MediaKey::DraftSprite { video, digest }),
        ("draft_poster", MediaKey::DraftPoster { video, digest }),
        ("draft_facts", MediaKey::DraftFacts { video, digest }),
        ("draft_captions", MediaKey::DraftCaptions { video, digest }),
        ("sent_cover", MediaKey::SentCover { video, digest }),
        ("draft_cover", MediaKey::DraftCover { video, digest }),
        ("multivariant", MediaKey::Multivariant { video, package }),
        ("media_playlist", MediaKey::MediaPlaylist { video, rendition }),
        ("init", MediaKey::Init { video, rendition }),
        ("segment", MediaKey::Segment { video, rendition, n: 7 }),
        ("i_frame_playlist", MediaKey::IFramePlaylist { video, rendition }),
        ("single_file", MediaKey::SingleFile { video, rendition }),
        ("captions", MediaKey::Captions { video, rendition }),
        ("poster", MediaKey::Poster { video, package }),
        ("sprite", MediaKey::Sprite { video, package }),
        ("sprite_vtt", MediaKey::SpriteVtt { video, package }),
    ];
    let describe = |(name, key): (&str, MediaKey)| {
        let mut says = Map::new();
        says.insert("class".into(), json!(name));
        says.insert("key".into(), json!(pattern(&key.object_key())));
        says.insert("path".into(), json!(key.public_path().map(|p| pattern(&p))));
        says.insert("content_type".into(), json!(key.content_type()));
        says.insert("cache".into(), json!(class_word(key.cache_class())));
        Value::Object(says)
    };
    samples.into_iter().map(describe).collect()
}

/// Puts names where the sample's ids stand.
fn pattern(text: &str) -> String {
    let parts = text.split('/').enumerate();
    let named = parts.map(|(at, part)| match part {
        "0000000000001" => "{video}".to_owned(),
        "00000000000000000000000002" => "{package}".to_owned(),
        "00000000000000000000000003" => "{rendition}".to_owned(),
        "0000000000004" | "00000000000000000000000004" => "{upload}".to_owned(),
        "0000000000000005" => "{digest}".to_owned(),
        "f_006.jpg" => "f_{n}.jpg".to_owned(),
        "7.m4s" => "{n}.m4s".to_owned(),
        shard if at > 0 && shard.len() == 2 && shard.bytes().all(|b| b.is_ascii_hexdigit()) => {
            "{shard}".to_owned()
        }
        other => other.to_owned(),
    });
    named.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_contract_is_what_this_build_prints() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/contract.json");
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        let printed =
            format!("{}\n", serde_json::to_string_pretty(&document().expect("made")).expect("text"));
        assert!(committed == printed, "run `signal contract > infra/contract.json`");
    }

    #[test]
    fn no_sample_id_is_left_in_a_pattern() {
        for object in objects() {
            let key = object["key"].as_str().expect("a key");
            assert!(!key.contains("000"), "{key}");
        }
    }
}
