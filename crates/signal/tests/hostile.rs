//! Hostile and broken files through the public API: a typed reason for the owner, nothing half-published.

mod house;

use house::{clip, free_port, has_ffmpeg, running, spawn, until_live};
use serde_json::{Value, json};
use signal::client::{Client, text_of};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A verdict the owner must see by then.
const SEEN_WITHIN: Duration = Duration::from_secs(60);

fn shared() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "tests find their samples through the environment")]
    let given = std::env::var("SIGNAL_SHARED").map(PathBuf::from);
    let dir = given.unwrap_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    dir.join("media/hostile").is_dir().then_some(dir)
}

async fn send(client: &Client, name: &str, bytes: &[u8]) -> anyhow::Result<Value> {
    let body = json!({ "filename": name, "size_bytes": bytes.len(), "title": name });
    let upload = client.post("/v1/uploads", &body).await?;
    let id = text_of(&upload, "upload_id")?;
    let size = upload["part_size_bytes"].as_u64().unwrap_or(1).max(1) as usize;
    for (n, part) in bytes.chunks(size).enumerate() {
        let body = json!({ "parts": [{ "number": n + 1, "size_bytes": part.len() }] });
        let signed = client.post(&format!("/v1/uploads/{id}/parts"), &body).await?;
        client.put_part(&signed["parts"][0], part.to_vec().into()).await?;
    }
    client.post(&format!("/v1/uploads/{id}/complete"), &json!({})).await?;
    until_live(client, &text_of(&upload, "video_id")?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_and_broken_files_end_with_a_typed_reason_within_a_minute() {
    let Some(shared) = shared() else {
        println!("skipped: the shared samples are not there");
        return;
    };
    let data = tempfile::tempdir().expect("a directory");
    let mut house = spawn(data.path(), free_port(), free_port(), None);
    house.ready().await.expect("ready");
    let operator = house.operator().await.expect("an operator");
    for folder in ["hostile", "broken"] {
        let mut files: Vec<PathBuf> = std::fs::read_dir(shared.join("media").join(folder))
            .expect("readable")
            .flatten()
            .map(|e| e.path())
            .collect();
        files.sort();
        for file in files {
            let name = file.file_name().and_then(|n| n.to_str()).expect("a name").to_owned();
            let bytes = std::fs::read(&file).expect("readable");
            let started = Instant::now();
            let ended = send(&operator, &name, &bytes).await;
            let said = verdict(folder, &name, ended);
            println!("{folder}/{name}: {said} ({:.1} s)", started.elapsed().as_secs_f64());
            assert!(started.elapsed() < SEEN_WITHIN, "{name} took too long");
        }
    }
    let feed = operator.get("/v1/feed?limit=20").await.expect("a page");
    for item in feed["items"].as_array().expect("items") {
        assert_eq!(item["status"], "published", "{item}");
    }
}

/// Checks how a file ended and says it in a word.
fn verdict(folder: &str, name: &str, ended: anyhow::Result<Value>) -> String {
    match ended {
        // Zero bytes never become an upload.
        Err(e) => {
            let refused = e.downcast_ref::<signal::client::ClientError>();
            assert!(
                matches!(refused, Some(signal::client::ClientError::Refused { status: 400..=499, .. })),
                "{name}: {e:#}"
            );
            format!("refused: {e}")
        }
        Ok(video) if video["status"] == "failed" => {
            let code = video["failure"]["code"].as_str().unwrap_or_default().to_owned();
            assert!(code.starts_with("media."), "{name}: {video}");
            assert!(!video["failure"]["message"].as_str().unwrap_or_default().is_empty(), "{name}");
            assert!(video["playback"].is_null(), "{name} is half-published");
            code
        }
        Ok(video) => {
            // A damaged file may publish when (almost) all of it could be decoded; a hostile one never.
            assert_eq!(folder, "broken", "{name} was published: {video}");
            assert_eq!(video["status"], "published", "{name}: {video}");
            "published".to_owned()
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_and_an_archive_named_as_videos_fail_and_a_capital_mov_is_welcome() {
    if std::process::Command::new("ffmpeg").arg("-version").output().is_err() {
        println!("skipped: ffmpeg is not installed");
        return;
    }
    let data = tempfile::tempdir().expect("a directory");
    let mut house = spawn(data.path(), free_port(), free_port(), None);
    house.ready().await.expect("ready");
    let operator = house.operator().await.expect("an operator");
    let text =
        send(&operator, "notes.mp4", b"just some words, no video at all\n".repeat(99).as_slice()).await;
    assert!(verdict("hostile", "notes.mp4", text).starts_with("media."));
    let archive = send(&operator, "pack.mp4", &[b"PK\x03\x04".as_slice(), &[0; 9000]].concat()).await;
    assert!(verdict("hostile", "pack.mp4", archive).starts_with("media."));
    let file = clip(data.path(), 2);
    let video = send(&operator, "IMG_0001.MOV", &std::fs::read(file).expect("readable")).await.expect("sent");
    assert_eq!(video["status"], "published", "{video}");
}

/// A port of this machine on which nobody should ever knock.
struct Trap {
    port: u16,
    knocks: Arc<AtomicUsize>,
}

impl Trap {
    async fn set() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (port, knocks) =
            (listener.local_addr().expect("an address").port(), Arc::<AtomicUsize>::default());
        let heard = Arc::clone(&knocks);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                heard.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { port, knocks }
    }

    fn knocks(&self) -> usize {
        self.knocks.load(Ordering::SeqCst)
    }
}

/// Text files that ask whoever opens them to fetch from `url`.
fn luring(url: &str) -> Vec<(&'static str, String)> {
    let media = |tags: &str| {
        format!(
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:1\n{tags}#EXTINF:1.0,\n{url}/x.ts\n#EXT-X-ENDLIST\n"
        )
    };
    vec![
        ("segment.mp4", media("")),
        ("segment.m3u8.mp4", media("")),
        ("key.mov", media(&format!("#EXT-X-KEY:METHOD=AES-128,URI=\"{url}/key\"\n"))),
        ("map.mp4", media(&format!("#EXT-X-MAP:URI=\"{url}/init.mp4\"\n"))),
        ("variant.mp4", format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{url}/v.m3u8\n")),
        ("concat.mp4", format!("ffconcat version 1.0\nfile {url}/x.mp4\n")),
        (
            "dash.mp4",
            format!(
                "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" \
                 mediaPresentationDuration=\"PT1S\"><Period><AdaptationSet mimeType=\"video/mp4\">\
                 <Representation id=\"1\" bandwidth=\"1\"><BaseURL>{url}/x.mp4</BaseURL><SegmentBase/>\
                 </Representation></AdaptationSet></Period></MPD>"
            ),
        ),
        (
            "session.mp4",
            format!(
                "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\na=control:{url}\nm=video 5004 RTP/AVP 96\n"
            ),
        ),
    ]
}

/// The shared files that name an address, with the address of the trap instead.
fn shared_luring(shared: &Path, port: u16) -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(shared.join("media/hostile")).expect("readable").flatten();
    let texts = files
        .filter_map(|f| Some((f.file_name().into_string().ok()?, std::fs::read_to_string(f.path()).ok()?)));
    let lures = texts.filter(|(_, text)| text.contains("http://127.0.0.1:18999"));
    lures
        .map(|(name, text)| {
            (name, text.replace("127.0.0.1:18999", &format!("127.0.0.1:{port}")).into_bytes())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_uploaded_makes_the_server_knock_anywhere() {
    if !has_ffmpeg() {
        return;
    }
    let trap = Trap::set().await;
    let url = format!("http://127.0.0.1:{}", trap.port);
    let mut lures: Vec<(String, Vec<u8>)> =
        luring(&url).into_iter().map(|(name, text)| (name.to_owned(), text.into_bytes())).collect();
    match shared() {
        Some(shared) => {
            let given = shared_luring(&shared, trap.port);
            assert!(!given.is_empty(), "the shared samples have a playlist that leads to an address");
            lures.extend(given);
        }
        None => println!("without the shared samples: they are not there"),
    }
    let (data, house) = running().await;
    let operator = house.operator().await.expect("an operator");
    for (name, bytes) in &lures {
        let started = Instant::now();
        let said = verdict("hostile", name, send(&operator, name, bytes).await);
        assert!(started.elapsed() < SEEN_WITHIN, "{name} took too long");
        assert_eq!(trap.knocks(), 0, "{name} ({said}) was followed");
        println!("{name}: {said}");
    }
    // The trap works, and a program without our guards walks into it.
    let bait = data.path().join("bait.m3u8");
    std::fs::write(&bait, &lures[0].1).expect("written");
    let unguarded = tokio::process::Command::new("ffmpeg")
        .args(["-nostdin", "-v", "quiet", "-rw_timeout", "1000000", "-protocol_whitelist", "file,http,tcp"])
        .arg("-i")
        .arg(&bait)
        .args(["-f", "null", "-"])
        .kill_on_drop(true)
        .status();
    let _ = tokio::time::timeout(Duration::from_secs(10), unguarded).await;
    assert!(trap.knocks() > 0, "the bait leads nowhere: this test proves nothing");
}
