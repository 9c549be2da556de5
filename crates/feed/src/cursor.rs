//! A place in the feed, sealed: a viewer can neither read, forge nor borrow one.

use crate::port::Turn;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use stdx::Entropy;
use vocab::{Millis, UserId, VideoId};

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 12;
const PLAIN_BYTES: usize = 1 + 1 + 8 + 4 + 8 + 8;
const TAG_BYTES: usize = 16;
/// Longer texts are not looked at.
const TEXT_MAX: usize = 128;

/// The cursor is not one of ours, was changed, or belongs to somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this viewer")]
pub struct InvalidCursor;

/// Where the next page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The next turn of a session.
    Next(Turn),
    /// Watching everything again: after this publication, from the oldest on.
    Again { turn: Turn, after: (Millis, VideoId) },
}

/// Seals and opens cursors with one key.
pub struct Sealer {
    cipher: ChaCha20Poly1305,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(..)")
    }
}

impl Sealer {
    pub fn new(key: &[u8; 32]) -> Self {
        Self { cipher: ChaCha20Poly1305::new(&Key::from(*key)) }
    }

    pub fn seal(&self, viewer: UserId, place: Place, entropy: &dyn Entropy) -> String {
        let mut nonce = [0u8; NONCE_BYTES];
        entropy.fill(&mut nonce);
        let aad = aad(viewer);
        let payload = Payload { msg: &encode(place), aad: &aad };
        let sealed = self
            .cipher
            .encrypt(&Nonce::from(nonce), payload)
            .expect("thirty bytes are within the cipher's limit");
        let mut out = nonce.to_vec();
        out.extend(sealed);
        URL_SAFE_NO_PAD.encode(out)
    }

    pub fn open(&self, viewer: UserId, text: &str) -> Result<Place, InvalidCursor> {
        if text.len() > TEXT_MAX {
            return Err(InvalidCursor);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        if bytes.len() != NONCE_BYTES + PLAIN_BYTES + TAG_BYTES {
            return Err(InvalidCursor);
        }
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(InvalidCursor)?;
        let payload = Payload { msg: sealed, aad: &aad(viewer) };
        let plain = self.cipher.decrypt(&Nonce::from(*nonce), payload).map_err(|_| InvalidCursor)?;
        decode(&plain).ok_or(InvalidCursor)
    }
}

fn aad(viewer: UserId) -> Vec<u8> {
    [b"signal feed cursor ".as_slice(), &viewer.0.to_be_bytes()].concat()
}

fn encode(place: Place) -> Vec<u8> {
    let (kind, turn, after) = match place {
        Place::Next(turn) => (0u8, turn, (Millis(0), VideoId(0))),
        Place::Again { turn, after } => (1u8, turn, after),
    };
    let mut out = vec![VERSION, kind];
    out.extend(turn.session.to_be_bytes());
    out.extend(turn.page.to_be_bytes());
    out.extend(after.0.0.to_be_bytes());
    out.extend(after.1.0.to_be_bytes());
    out
}

fn decode(plain: &[u8]) -> Option<Place> {
    let (version, rest) = plain.split_first()?;
    let (kind, rest) = rest.split_first()?;
    let (session, rest) = rest.split_first_chunk::<8>()?;
    let (page, rest) = rest.split_first_chunk::<4>()?;
    let (at, rest) = rest.split_first_chunk::<8>()?;
    let (video, rest) = rest.split_first_chunk::<8>()?;
    if *version != VERSION || !rest.is_empty() {
        return None;
    }
    let turn = Turn { session: u64::from_be_bytes(*session), page: u32::from_be_bytes(*page) };
    match kind {
        0 => Some(Place::Next(turn)),
        1 => {
            let after = (Millis(i64::from_be_bytes(*at)), VideoId(u64::from_be_bytes(*video)));
            Some(Place::Again { turn, after })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stdx::SeededEntropy;

    const VIEWER: UserId = UserId(7);

    fn sample() -> (Sealer, String, Place) {
        let place =
            Place::Again { turn: Turn { session: u64::MAX, page: 3 }, after: (Millis(-1), VideoId(9)) };
        let sealer = Sealer::new(&[5; 32]);
        let text = sealer.seal(VIEWER, place, &SeededEntropy::new(1));
        (sealer, text, place)
    }

    #[test]
    fn a_cursor_opens_for_its_viewer_and_key_only() {
        let (sealer, text, place) = sample();
        assert_eq!(sealer.open(VIEWER, &text), Ok(place));
        assert_eq!(sealer.open(UserId(8), &text), Err(InvalidCursor));
        assert_eq!(Sealer::new(&[6; 32]).open(VIEWER, &text), Err(InvalidCursor));
        assert!(text.len() <= TEXT_MAX);
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let (sealer, text, _) = sample();
        let bytes = URL_SAFE_NO_PAD.decode(&text).expect("our own text");
        for i in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[i] ^= 1;
            assert_eq!(sealer.open(VIEWER, &URL_SAFE_NO_PAD.encode(changed)), Err(InvalidCursor), "byte {i}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,200}", bytes in prop::collection::vec(any::<u8>(), 58..=58)) {
            let sealer = Sealer::new(&[5; 32]);
            prop_assert_eq!(sealer.open(VIEWER, &text), Err(InvalidCursor));
            prop_assert_eq!(sealer.open(VIEWER, &URL_SAFE_NO_PAD.encode(bytes)), Err(InvalidCursor));
        }
    }
}
