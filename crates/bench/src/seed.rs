//! A catalog of published videos by many owners, written past the pipeline.

use catalog::{Package, RenditionFacts, Video, VideoStore};
#[cfg(feature = "aws")]
use identity::{AccountStore, Role, User};
use vocab::{Kbps, Millis, PackageId, RenditionId, RungName, Status, UserId, VideoId};

const OWNERS: u64 = 200;

/// `count` videos, a minute apart, the last one just now; answers whose they are.
pub async fn videos(store: &dyn VideoStore, count: u64) -> anyhow::Result<Vec<UserId>> {
    let now = stdx::Clock::now(&stdx::SystemClock);
    let owners: Vec<UserId> = (0..OWNERS).map(|n| UserId::from_parts(now.0 - 1_000_000, n)).collect();
    for n in 0..count {
        let at = Millis(now.0 - (count - n) as i64 * 60_000);
        let id = VideoId::from_parts(at.0, n);
        let mut video = Video::reserved(id, owners[(n % OWNERS) as usize], format!("{n:032x}"), at);
        video.status = Status::Published;
        video.published_at = Some(at);
        video.meta.title = format!("Video {n}");
        video.meta.hashtags = vec![format!("tag{}", n % 50)];
        video.package = Some(package(n));
        store.insert(video).await?;
    }
    Ok(owners)
}

/// An account for each of them: cards name their owners.
#[cfg(feature = "aws")]
pub async fn people(store: &dyn AccountStore, ids: &[UserId]) -> anyhow::Result<()> {
    for (n, id) in ids.iter().enumerate() {
        let user = User {
            id: *id,
            guest: false,
            email: Some(format!("owner{n}@example.org")),
            password_hash: None,
            display_name: format!("Owner {n}"),
            handle: format!("owner_{n}"),
            bio: "Films what happens around the corner".into(),
            roles: vec![Role::Viewer],
            created_at: Millis(1_780_000_000_000),
            merged_into: None,
            revision: 0,
        };
        store.insert(user).await?;
    }
    Ok(())
}

fn package(n: u64) -> Package {
    let rendition = |rung: u16, kbps: u32| RenditionFacts {
        id: RenditionId(u128::from(n) << 16 | u128::from(rung)),
        rung: RungName(rung),
        width: u32::from(rung),
        height: u32::from(rung) * 16 / 9,
        codecs: "avc1.64001f,mp4a.40.2".into(),
        peak_kbps: Kbps(kbps),
        average_kbps: Kbps(kbps * 9 / 10),
        init_bytes: 1_400,
        first_frame_bytes: 20_000,
        segment_bytes: vec![kbps * 250; 6],
        layout: catalog::Layout::default(),
    };
    Package {
        id: PackageId(u128::from(n)),
        duration_ms: Millis(12_000),
        width: 720,
        height: 1280,
        fps_milli: 30_000,
        has_audio: true,
        renditions: vec![
            rendition(360, 700),
            rendition(240, 400),
            rendition(540, 1100),
            rendition(720, 2000),
        ],
        segment_ms: vec![2_000; 6],
        blurhash: Some("LEHV6nWB2yk8pyo0adR*.7kCMdnj".into()),
        sprite: None,
        pending: vec![],
        quality: None,
        tracks: catalog::Tracks::default(),
    }
}
