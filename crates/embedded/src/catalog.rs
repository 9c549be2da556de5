//! The catalog's records: one row a video, with the columns its questions need beside the document.

use crate::db::{Database, fault};
use ::catalog::policy::GET_MANY_MAX;
use ::catalog::{Advance, Edit, Video, VideoPage, VideoStore, VideoStoreError, moves};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use stdx::{Fault, FaultKind};
use vocab::{Millis, Status, UserId, VideoId};

/// The layout of the documents below. A row of a later one is refused, not guessed at.
const VIDEO_V: i64 = 1;

/// `listed_at` is the publication of a listed video and null for every other: the public index is
/// part of the row, so it cannot disagree with it.
pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS catalog_video (
  id INTEGER PRIMARY KEY,
  owner INTEGER NOT NULL,
  status TEXT NOT NULL,
  status_changed_at INTEGER NOT NULL,
  gone INTEGER NOT NULL,
  listed_at INTEGER,
  v INTEGER NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS catalog_video_owner ON catalog_video (owner, id) WHERE gone = 0;
CREATE INDEX IF NOT EXISTS catalog_video_listed ON catalog_video (listed_at, id) WHERE listed_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS catalog_video_status ON catalog_video (status, status_changed_at, id);
";

#[derive(Debug, Clone)]
pub struct EmbeddedVideoStore(Database);

impl EmbeddedVideoStore {
    pub fn new(db: Database) -> Self {
        Self(db)
    }
}

type Result<T> = std::result::Result<T, VideoStoreError>;

fn err(e: rusqlite::Error) -> VideoStoreError {
    fault(e).into()
}

/// SQLite counts in 64 bits with a sign.
fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn write(conn: &Connection, video: &Video, is_new: bool) -> Result<()> {
    let sql = if is_new {
        "INSERT INTO catalog_video (id, owner, status, status_changed_at, gone, listed_at, v, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
    } else {
        "UPDATE catalog_video SET owner = ?2, status = ?3, status_changed_at = ?4, gone = ?5, listed_at = ?6,
         v = ?7, body = ?8 WHERE id = ?1"
    };
    let body = serde_json::to_string(video).map_err(Fault::internal)?;
    let listed_at = video.is_listed().then(|| video.published_at.unwrap_or(video.status_changed_at).0);
    conn.prepare_cached(sql)
        .and_then(|mut s| {
            s.execute(params![
                video.id.0 as i64,
                video.owner.0 as i64,
                video.status.word(),
                video.status_changed_at.0,
                video.is_gone(),
                listed_at,
                VIDEO_V,
                body
            ])
        })
        .map_err(err)?;
    Ok(())
}

/// A row of `SELECT v, body`.
fn parts(row: &Row<'_>) -> rusqlite::Result<(i64, String)> {
    Ok((row.get(0)?, row.get(1)?))
}

fn video((v, body): (i64, String)) -> Result<Video> {
    if v > VIDEO_V {
        let said = format!("a video is of layout {v}, this program knows {VIDEO_V}: use a newer one");
        return Err(Fault::new(FaultKind::Newer, said).into());
    }
    serde_json::from_str(&body).map_err(|e| Fault::corrupt(e).into())
}

fn find(conn: &Connection, id: VideoId) -> Result<Option<Video>> {
    let mut statement =
        conn.prepare_cached("SELECT v, body FROM catalog_video WHERE id = ?1").map_err(err)?;
    statement.query_row([id.0 as i64], parts).optional().map_err(err)?.map(video).transpose()
}

fn get(conn: &Connection, id: VideoId) -> Result<Video> {
    find(conn, id)?.ok_or(VideoStoreError::NotFound(id))
}

fn select(conn: &Connection, sql: &str, params: &[&dyn ToSql]) -> Result<Vec<Video>> {
    let mut statement = conn.prepare_cached(sql).map_err(err)?;
    let found = statement.query_map(params, parts).map_err(err)?;
    found.map(|row| row.map_err(err).and_then(video)).collect()
}

#[async_trait]
impl VideoStore for EmbeddedVideoStore {
    async fn insert(&self, video: Video) -> Result<()> {
        self.0
            .write(move |tx| {
                if find(tx, video.id)?.is_some() {
                    return Err(VideoStoreError::Exists(video.id));
                }
                write(tx, &video, true)
            })
            .await
    }

    async fn get(&self, id: VideoId) -> Result<Video> {
        self.0.read(move |conn| get(conn, id)).await
    }

    async fn get_many(&self, ids: &[VideoId]) -> Result<Vec<Video>> {
        if ids.len() > GET_MANY_MAX {
            return Err(Fault::internal(format!("at most {GET_MANY_MAX} videos at a time")).into());
        }
        let ids = ids.to_vec();
        self.0.read(move |conn| ids.iter().filter_map(|id| find(conn, *id).transpose()).collect()).await
    }

    async fn advance(&self, step: Advance) -> Result<Video> {
        self.0
            .write(move |tx| {
                let next = moves::advanced(&get(tx, step.id)?, &step)?;
                write(tx, &next, false)?;
                Ok(next)
            })
            .await
    }

    async fn edit(&self, id: VideoId, revision: u64, edit: Edit) -> Result<Video> {
        self.0
            .write(move |tx| {
                let next = moves::edited(&get(tx, id)?, revision, &edit)?;
                write(tx, &next, false)?;
                Ok(next)
            })
            .await
    }

    async fn give(&self, id: VideoId, from: UserId, to: UserId) -> Result<Video> {
        self.0
            .write(move |tx| {
                let video = get(tx, id)?;
                let next = moves::given(&video, from, to)?;
                if next != video {
                    write(tx, &next, false)?;
                }
                Ok(next)
            })
            .await
    }

    async fn list_by_owner(&self, owner: UserId, before: Option<VideoId>, limit: usize) -> Result<VideoPage> {
        let before = before.map_or(i64::MAX, |id| id.0 as i64);
        let sql = "SELECT v, body FROM catalog_video WHERE owner = ?1 AND gone = 0 AND id < ?2
                   ORDER BY id DESC LIMIT ?3";
        // One more than asked tells whether there is a next page.
        let asked = rows(limit.saturating_add(1));
        let mut videos =
            self.0.read(move |conn| select(conn, sql, params![owner.0 as i64, before, asked])).await?;
        let more = videos.len() > limit;
        videos.truncate(limit);
        let next_before = videos.last().map(|v| v.id).filter(|_| more);
        Ok(VideoPage { videos, next_before })
    }

    async fn list_public(&self, before: Option<(Millis, VideoId)>, limit: usize) -> Result<Vec<Video>> {
        let (at, id) = before.map_or((i64::MAX, i64::MAX), |(at, id)| (at.0, id.0 as i64));
        let sql =
            "SELECT v, body FROM catalog_video WHERE listed_at IS NOT NULL AND (listed_at, id) < (?1, ?2)
                   ORDER BY listed_at DESC, id DESC LIMIT ?3";
        self.0.read(move |conn| select(conn, sql, params![at, id, rows(limit)])).await
    }

    async fn list_by_status(
        &self,
        status: Status,
        changed_before: Millis,
        limit: usize,
    ) -> Result<Vec<Video>> {
        let sql = "SELECT v, body FROM catalog_video WHERE status = ?1 AND status_changed_at < ?2
                   ORDER BY status_changed_at, id LIMIT ?3";
        self.0
            .read(move |conn| select(conn, sql, params![status.word(), changed_before.0, rows(limit)]))
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the first version wrote it. It must be readable for ever.
    const OLD_ROW: &str = r##"{"id":"0fvnqs0g00005","owner":"000000000000b","status":"published","revision":3,"meta":{"title":"Beach","caption":"","hashtags":["sun"],"visibility":"public"},"transform":{"trim_start_ms":null,"trim_end_ms":9000,"mute":false,"cover_at_ms":null},"upload":"00000000000000000000000003","raw_bytes":5,"content_sha256":"ab","source":null,"verdict":{"verdict":"approve","content_sha256":"ab","decided_at":3,"decided_by":"moderator","reason_code":null,"reason":null},"failure":null,"package":{"id":"00000000000000000000000007","duration_ms":12300,"width":1080,"height":1920,"fps_milli":29970,"has_audio":true,"renditions":[{"id":"00000000000000000000000008","rung":360,"width":360,"height":640,"codecs":"avc1.64001f,mp4a.40.2","peak_kbps":700,"average_kbps":500,"init_bytes":1200,"first_frame_bytes":9000,"segment_bytes":[100000,5]}],"segment_ms":[2000,1999],"blurhash":null,"sprite":{"tile_width":90,"tile_height":160,"columns":10,"rows":2,"tiles":13,"cadence_ms":1000}},"link_key":"0f","created_at":1,"status_changed_at":4,"published_at":4,"removed_from":null}"##;

    #[test]
    fn the_first_layout_is_still_read() {
        let v = video((1, OLD_ROW.to_owned())).unwrap();
        assert_eq!((v.status, v.revision, v.meta.title.as_str()), (Status::Published, 3, "Beach"));
        assert_eq!(v.package.map(|p| p.renditions.len()), Some(1));
        assert_eq!(v.appeal, None);
    }

    #[test]
    fn a_later_layout_is_refused() {
        let refused = video((VIDEO_V + 1, OLD_ROW.to_owned()));
        assert!(matches!(refused, Err(VideoStoreError::Fault(f)) if f.kind == FaultKind::Newer));
        let corrupt = video((1, "{".to_owned()));
        assert!(matches!(corrupt, Err(VideoStoreError::Fault(f)) if f.kind == FaultKind::Corrupt));
    }
}
