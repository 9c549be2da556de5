//! Sessions and their refresh-token families. One row a session; a rotation writes that row and no index.

use super::policy::{DAY, DAY_SHELVES, PURGE_DAYS, PURGE_SLACK, SESSIONS_LISTED_MAX};
use super::row;
use crate::dynamo::{Attr, Change, Dynamo, Index, Item, Key, Projection, Put, Query, Read, Table, Write};
use async_trait::async_trait;
use identity::{Ended, Rotation, Session, SessionId, SessionStore, SessionStoreError};
use std::cmp::Reverse;
use stdx::Fault;
use vocab::{Millis, UserId};

/// Sessions that have not ended, by person. `created_at` and not `seen_at` orders them: it never changes.
static BY_USER: Index = Index {
    name: "SessionsByUser",
    hash: Attr::s("live_user"),
    range: Some(Attr::n("created_at")),
    projection: Projection::KeysOnly,
};

/// Sessions by the day they are over.
static BY_DAY: Index =
    Index { name: "SessionsByDay", hash: Attr::s("over_day"), range: None, projection: Projection::KeysOnly };

pub static SESSIONS: Table = Table {
    name: "Sessions",
    hash: Attr::s("session_id"),
    range: None,
    indexes: &[BY_USER, BY_DAY],
    ttl: Some("ttl"),
};

#[derive(Debug, Clone)]
pub struct DynamoSessionStore(Dynamo);

fn key(id: SessionId) -> Key {
    Key::of(id.to_string())
}

impl DynamoSessionStore {
    pub fn new(dynamo: Dynamo) -> Self {
        Self(dynamo)
    }

    /// Changes a session as `change` says; it may look several times. `None` leaves it as it is.
    async fn change<T>(
        &self,
        id: SessionId,
        change: impl Fn(Session) -> Result<(Option<Session>, T), SessionStoreError>,
    ) -> Result<T, SessionStoreError> {
        let decide = |seen: Option<&Item>| -> Result<Change<T>, SessionStoreError> {
            let seen = seen.ok_or(SessionStoreError::NotFound(id))?;
            let (next, answer) = change(row::session_of(seen)?)?;
            Ok((next.map_or(Write::Keep, |s| Write::Put(row::session(&s))), answer))
        };
        self.0.change(&SESSIONS, &key(id), decide).await
    }

    async fn read(&self, index: &Index, hash: String, limit: usize) -> Result<Vec<Item>, Fault> {
        let rows = self.0.query(Query::of(&SESSIONS, hash, limit).index(index).newest_first()).await?;
        let ids: Result<Vec<SessionId>, Fault> = rows.iter().map(row::session_id).collect();
        let keys: Vec<Key> = ids?.into_iter().map(key).collect();
        // Strong: what has just ended must not look alive, nor be purged by what it was.
        self.0.get_many(&SESSIONS, &keys, Read::Strong).await
    }

    async fn purge_shelf(&self, hash: String, before: Millis, limit: usize) -> Result<usize, Fault> {
        let mut gone = 0;
        for item in self.read(&BY_DAY, hash, limit + PURGE_SLACK).await? {
            let session = row::session_of(&item)?;
            let over = row::over_at(&session) < before;
            if gone < limit
                && over
                && self.0.delete_seen(&SESSIONS, &key(session.id), &item).await? == Put::Written
            {
                gone += 1;
            }
        }
        Ok(gone)
    }
}

#[async_trait]
impl SessionStore for DynamoSessionStore {
    async fn open(&self, session: Session) -> Result<(), SessionStoreError> {
        match self.0.put_new(&SESSIONS, row::session(&session)).await? {
            Put::Written => Ok(()),
            Put::Refused(_) => Err(SessionStoreError::Exists(session.id)),
        }
    }

    async fn get(&self, id: SessionId) -> Result<Session, SessionStoreError> {
        // Strong: a refresh is judged by the generation that stands now.
        let found = self.0.get(&SESSIONS, &key(id), Read::Strong).await?;
        Ok(row::session_of(&found.ok_or(SessionStoreError::NotFound(id))?)?)
    }

    async fn rotate(&self, id: SessionId, to: Rotation) -> Result<Session, SessionStoreError> {
        self.change(id, |mut session| {
            session.rotate(&to)?;
            Ok((Some(session.clone()), session))
        })
        .await
    }

    async fn count_retry(
        &self,
        id: SessionId,
        generation: u32,
        max: u32,
    ) -> Result<Session, SessionStoreError> {
        self.change(id, |mut session| {
            session.count_retry(generation, max)?;
            Ok((Some(session.clone()), session))
        })
        .await
    }

    async fn end(&self, id: SessionId, why: Ended, at: Millis) -> Result<bool, SessionStoreError> {
        self.change(id, |mut session| {
            if session.ended.is_some() {
                return Ok((None, false));
            }
            session.ended = Some((at, why));
            Ok((Some(session), true))
        })
        .await
    }

    async fn list(&self, user: UserId, now: Millis) -> Result<Vec<Session>, SessionStoreError> {
        let items = self.read(&BY_USER, user.to_string(), SESSIONS_LISTED_MAX).await?;
        let all: Result<Vec<Session>, Fault> = items.iter().map(row::session_of).collect();
        let mut live: Vec<Session> = all?.into_iter().filter(|s| s.is_live(now)).collect();
        live.sort_by_key(|s| (Reverse(s.seen_at), Reverse(s.id)));
        Ok(live)
    }

    async fn purge(&self, before: Millis, limit: usize) -> Result<usize, SessionStoreError> {
        let last = before.0.div_euclid(DAY.0);
        let mut gone = 0;
        for day in (last - PURGE_DAYS).max(0)..=last {
            for shelf in 0..DAY_SHELVES {
                if gone < limit {
                    gone += self.purge_shelf(row::over_day(day, shelf), before, limit - gone).await?;
                }
            }
        }
        Ok(gone)
    }
}
