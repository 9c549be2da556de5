//! Cursors of lists: a position, bound to its list and its reader by a keyed check.
//!
//! A cursor of another list, of another reader, or one that was changed, is refused. The position
//! itself is no secret: it names a video the reader was just shown.

use crate::problem::Problem;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use vocab::{Millis, UserId};

/// Bytes of the check that travel.
const CHECK_BYTES: usize = 12;

/// A place in a list ordered by time, then id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub at: Millis,
    pub id: u64,
}

/// Which list, and whose.
#[derive(Debug, Clone, Copy)]
pub struct List<'a> {
    pub name: &'a str,
    /// The reader; `None` = nobody is signed in.
    pub reader: Option<UserId>,
    /// What else selects the list, e.g. the owner or a filter.
    pub about: &'a str,
}

/// Makes and reads cursors. The key outlives a restart, and cursors with it.
pub struct Cursors {
    key: [u8; 32],
}

impl Cursors {
    pub fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    pub fn write(&self, list: List<'_>, position: Position) -> String {
        let mut bytes = Vec::with_capacity(16 + CHECK_BYTES);
        bytes.extend_from_slice(&position.at.get().to_be_bytes());
        bytes.extend_from_slice(&position.id.to_be_bytes());
        let check = self.check(list, &bytes).finalize().into_bytes();
        bytes.extend_from_slice(&check[..CHECK_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub fn read(&self, list: List<'_>, cursor: &str) -> Result<Position, Problem> {
        // 28 bytes are 38 characters: nothing longer is decoded.
        if cursor.len() > 64 {
            return Err(Problem::invalid_cursor());
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| Problem::invalid_cursor())?;
        let (position, check) = bytes.split_at_checked(16).ok_or_else(Problem::invalid_cursor)?;
        if check.len() != CHECK_BYTES || self.check(list, position).verify_truncated_left(check).is_err() {
            return Err(Problem::invalid_cursor());
        }
        let (at, id) = position.split_at(8);
        let eight = |b: &[u8]| b.try_into().map_err(|_| Problem::invalid_cursor());
        Ok(Position { at: Millis(i64::from_be_bytes(eight(at)?)), id: u64::from_be_bytes(eight(id)?) })
    }

    fn check(&self, list: List<'_>, position: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("a key of any length will do");
        for part in [list.name.as_bytes(), list.about.as_bytes()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.update(&list.reader.map_or(u64::MAX, |u| u.0).to_be_bytes());
        mac.update(position);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINE: List<'static> = List { name: "likes", reader: Some(UserId(1)), about: "" };
    const HERE: Position = Position { at: Millis(1_767_225_600_000), id: 42 };

    #[test]
    fn a_cursor_goes_on_where_it_stopped() {
        let cursors = Cursors::new([7; 32]);
        assert_eq!(cursors.read(MINE, &cursors.write(MINE, HERE)).ok(), Some(HERE));
    }

    #[test]
    fn foreign_and_changed_cursors_are_refused() {
        let cursors = Cursors::new([7; 32]);
        let cursor = cursors.write(MINE, HERE);
        let others = [
            List { name: "saves", ..MINE },
            List { reader: Some(UserId(2)), ..MINE },
            List { reader: None, ..MINE },
            List { about: "x", ..MINE },
        ];
        for other in others {
            assert!(cursors.read(other, &cursor).is_err(), "{other:?}");
        }
        assert!(Cursors::new([8; 32]).read(MINE, &cursor).is_err());
        for i in 0..cursor.len() {
            let mut changed = cursor.clone().into_bytes();
            changed[i] = if changed[i] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ascii");
            assert!(cursors.read(MINE, &changed).is_err(), "at {i}");
        }
        for strange in ["", "x", "====", &"A".repeat(10_000), "\u{0}"] {
            assert!(cursors.read(MINE, strange).is_err());
        }
    }
}
