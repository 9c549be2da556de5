//! Killed at every named point: an object is the old or the new one, nothing is left over, and what
//! was committed is told about.
//!
//! The test runs itself as a child that aborts at a point, then opens what the child left.

mod support;

use s3door::{Completion, NewObject, Objects, Sums};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Ear, policy};

const DIR: &str = "S3DOOR_CRASH_DIR";
const POINT: &str = "S3DOOR_CRASH_POINT";
const NTH: &str = "S3DOOR_CRASH_NTH";

const POINTS: [&str; 11] = [
    "s3door.commit.announced",
    "s3door.commit.data",
    "s3door.commit.meta",
    "s3door.commit.synced",
    "s3door.event.delivered",
    "s3door.part.received",
    "s3door.part.stored",
    "s3door.complete.assembled",
    "s3door.complete.committed",
    "s3door.delete.meta",
    "never",
];

fn small_parts() -> s3door::DoorPolicy {
    s3door::DoorPolicy { part_min: vocab::Bytes(1), ..policy() }
}

/// Writes, overwrites, completes and deletes; says after each step that it is acknowledged.
async fn scenario(objects: &Objects, root: &Path) {
    let says = NewObject::default;
    let done = |step: &str| std::fs::write(root.join(format!("ack-{step}")), "").expect("acknowledges");
    objects.put_bytes("raw/kept", "kept".into(), says()).await.expect("puts");
    done("kept");
    objects.put_bytes("raw/twice", "old".into(), says()).await.expect("puts");
    done("old");
    objects.put_bytes("raw/twice", "new!".into(), says()).await.expect("puts");
    done("new");
    let layout = Some(s3door::Layout { part_size: 6, size: 12 });
    let upload = objects.begin("raw/parts", says(), None, layout).await.expect("begins").id;
    let mut parts = Vec::new();
    for (n, text) in [(1, "first "), (2, "second")] {
        let part = objects.put_part("raw/parts", &upload, n, text.into()).await.expect("sends");
        parts.push((n, part.etag, Sums::default()));
    }
    done("parts");
    let (key, id) = ("raw/parts".to_owned(), upload);
    objects
        .complete(Completion { key, upload: id, parts, ..Completion::default() })
        .await
        .expect("completes");
    done("completed");
    objects.delete("raw/kept").await.expect("deletes");
    done("deleted");
}

#[tokio::test]
#[ignore = "runs as the child of the other test"]
async fn child() {
    let (Some(dir), Some(point)) = (std::env::var_os(DIR), std::env::var_os(POINT)) else { return };
    let nth: usize = std::env::var_os(NTH).and_then(|n| n.to_str()?.parse().ok()).unwrap_or(1);
    let seen = AtomicUsize::new(0);
    stdx::crash::install(move |name| {
        if point == name && seen.fetch_add(1, Ordering::SeqCst) + 1 == nth {
            // No destructor, no flush: as `kill -9`.
            std::process::abort();
        }
    });
    let root = PathBuf::from(dir);
    let objects = support::objects(&root.join("objects"), &Arc::new(Ear::default()), small_parts());
    scenario(&objects, &root).await;
}

fn run_child(root: &Path, point: &str, nth: usize) -> bool {
    let status = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "child", "--ignored", "--test-threads=1"])
        .env(DIR, root)
        .env(POINT, point)
        .env(NTH, nth.to_string())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .expect("starts");
    status.success()
}

fn files_under(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("reads") {
        let path = entry.expect("reads").path();
        if path.is_dir() { found.extend(files_under(&path)) } else { found.push(path) }
    }
    found
}

async fn check(root: &Path, at: &str) {
    let dir = root.join("objects");
    let ear = Arc::new(Ear::default());
    let objects = support::objects(&dir, &ear, small_parts());
    let acked = |step: &str| root.join(format!("ack-{step}")).is_file();
    let read = async |key: &str| {
        let bytes = objects.read(key).await.unwrap_or_else(|e| panic!("{at}: {key}: {e}"));
        bytes.map(|b| String::from_utf8_lossy(&b).into_owned())
    };
    let (kept, twice, parts) = (read("raw/kept").await, read("raw/twice").await, read("raw/parts").await);
    let either = |value: &Option<String>, allowed: &[Option<&str>]| {
        assert!(allowed.contains(&value.as_deref()), "{at}: {value:?} is none of {allowed:?}");
    };
    match (acked("kept"), acked("completed"), acked("deleted")) {
        (true, false, _) => either(&kept, &[Some("kept")]),
        (_, _, true) => either(&kept, &[None]),
        _ => either(&kept, &[Some("kept"), None]),
    }
    match (acked("old"), acked("new")) {
        (_, true) => either(&twice, &[Some("new!")]),
        (true, false) => either(&twice, &[Some("old"), Some("new!")]),
        _ => either(&twice, &[Some("old"), None]),
    }
    match acked("completed") {
        true => either(&parts, &[Some("first second")]),
        false => either(&parts, &[Some("first second"), None]),
    }
    assert_eq!(std::fs::read_dir(dir.join(".tmp")).expect("reads").count(), 0, "{at}: work is left");
    let standing = [&kept, &twice, &parts].iter().filter(|o| o.is_some()).count();
    let files = files_under(&dir.join("signal-media"));
    assert_eq!(files.len(), standing * 2, "{at}: one data and one metadata file an object: {files:?}");
    // Acknowledged parts are there, until they are one object.
    let uploads = objects.uploads("").await.expect("lists");
    if acked("parts") && parts.is_none() {
        let there = objects.parts("raw/parts", &uploads[0].id).await.expect("lists");
        assert_eq!(there.len(), 2, "{at}");
    }
    assert!(parts.is_none() || uploads.is_empty(), "{at}: parts of a finished upload");
    told(&objects, &ear, &dir, at).await;
}

/// Whatever stands and was not told before is told now; nothing else is.
async fn told(objects: &Objects, ear: &Arc<Ear>, dir: &Path, at: &str) {
    objects.deliver_pending().await.expect("delivers");
    let heard: BTreeSet<_> = ear.keys().into_iter().collect();
    for key in &heard {
        assert!(
            objects.read(key).await.expect("reads").is_some(),
            "{at}: {key} was told of and is not there"
        );
    }
    assert_eq!(std::fs::read_dir(dir.join(".events")).expect("reads").count(), 0, "{at}: events are left");
    let committed_not_told = ["s3door.commit.meta", "s3door.commit.synced", "s3door.complete.committed"];
    if committed_not_told.iter().any(|point| at.starts_with(point)) {
        assert_eq!(heard.len(), 1, "{at}: {heard:?}");
    }
}

#[tokio::test]
async fn killed_anywhere_it_is_the_old_or_the_new() {
    let mut deaths = 0;
    for point in POINTS {
        for nth in 1..=5 {
            let root = tempfile::tempdir().expect("a directory");
            let survived = run_child(root.path(), point, nth);
            let at = if survived { format!("survived {point} #{nth}") } else { format!("{point} #{nth}") };
            check(root.path(), &at).await;
            if survived {
                break;
            }
            deaths += 1;
        }
    }
    // Four commits pass five points each, the completion two more, the deletion one.
    assert!(deaths >= 20, "{deaths} deaths");
}
