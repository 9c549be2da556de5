//! Identifiers. Time-ordered 64-bit ids (Crockford base32, 13 characters) for
//! things that are listed by time, random 128-bit ids (26 characters) for
//! things whose path must not be guessed.

use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 2024-01-01T00:00:00Z, the zero of the time part of ids.
pub const ID_EPOCH_UNIX_MS: i64 = 1_704_067_200_000;

/// Low bits of an id that are random: 2^21 ids a millisecond.
pub const ID_RANDOM_BITS: u32 = 21;

/// A text that is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdParseError {
    pub expected_chars: usize,
}

impl fmt::Display for IdParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not an id: expected {} characters of Crockford base32", self.expected_chars)
    }
}

impl core::error::Error for IdParseError {}

fn digit(c: u8) -> Option<u8> {
    let lower = c.to_ascii_lowercase();
    let lower = match lower {
        b'o' => b'0',
        b'i' | b'l' => b'1',
        other => other,
    };
    ALPHABET.iter().position(|a| *a == lower).map(|p| p as u8)
}

fn write_base32(f: &mut fmt::Formatter<'_>, value: u128, chars: u32) -> fmt::Result {
    let mut out = [0u8; 26];
    for i in 0..chars {
        let shift = 5 * (chars - 1 - i);
        out[i as usize] = ALPHABET[((value >> shift) & 31) as usize];
    }
    let text = core::str::from_utf8(&out[..chars as usize]).map_err(|_| fmt::Error)?;
    f.write_str(text)
}

fn parse_base32(text: &str, chars: usize, max: u128) -> Result<u128, IdParseError> {
    let err = IdParseError { expected_chars: chars };
    if text.len() != chars {
        return Err(err);
    }
    let mut value: u128 = 0;
    for (i, c) in text.bytes().enumerate() {
        let d = digit(c).ok_or_else(|| err.clone())?;
        // The first digit holds fewer than five bits; a larger one would overflow silently.
        if i == 0 && (value << 5 | u128::from(d)) > max >> (5 * (chars - 1)) {
            return Err(err);
        }
        value = value << 5 | u128::from(d);
    }
    Ok(value)
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $repr:ty, $chars:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $repr);

        impl $name {
            pub const TEXT_CHARS: usize = $chars;
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_base32(f, self.0 as u128, $chars)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self)
            }
        }
        impl FromStr for $name {
            type Err = IdParseError;
            fn from_str(text: &str) -> Result<Self, IdParseError> {
                parse_base32(text, $chars, <$repr>::MAX as u128).map(|v| Self(v as $repr))
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <alloc::borrow::Cow<'de, str>>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

macro_rules! timed_id {
    ($name:ident) => {
        impl $name {
            /// The id for something born at `unix_ms`; `random` fills the low bits.
            pub fn from_parts(unix_ms: i64, random: u64) -> Self {
                let ms = unix_ms.saturating_sub(ID_EPOCH_UNIX_MS).max(0) as u64;
                let mask = (1u64 << ID_RANDOM_BITS) - 1;
                Self(ms << ID_RANDOM_BITS | (random & mask))
            }
            /// When the thing was born.
            pub fn created_at_unix_ms(self) -> i64 {
                (self.0 >> ID_RANDOM_BITS) as i64 + ID_EPOCH_UNIX_MS
            }
        }
    };
}

id_type!(/// One video, from its reservation to its erasure.
    VideoId, u64, 13);
id_type!(/// A person, guest or with an account; owner or viewer by context.
    UserId, u64, 13);
id_type!(/// A durable unit of work.
    JobId, u64, 13);
id_type!(/// One upload session. Random: the handle itself is a capability.
    UploadId, u128, 26);
id_type!(/// One immutable multivariant playlist. Random: it stands in public paths.
    PackageId, u128, 26);
id_type!(/// One encoded rung of one video. Random: it stands in public paths.
    RenditionId, u128, 26);
id_type!(/// A device a person signed in with.
    DeviceId, u128, 26);
id_type!(/// One showing of one video to one viewer.
    ImpressionId, u128, 26);
timed_id!(VideoId);
timed_id!(UserId);
timed_id!(JobId);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;

    #[test]
    fn an_id_is_thirteen_characters_and_carries_its_birth() {
        let id = VideoId::from_parts(1_763_820_000_123, 42);
        assert_eq!(id.to_string().len(), 13);
        assert_eq!(id.created_at_unix_ms(), 1_763_820_000_123);
    }

    #[test]
    fn later_ids_sort_after_earlier_ones_as_text_too() {
        let a = VideoId::from_parts(1_763_820_000_123, u64::MAX);
        let b = VideoId::from_parts(1_763_820_000_124, 0);
        assert!(a < b && a.to_string() < b.to_string());
    }

    #[test]
    fn an_overflowing_first_digit_is_refused() {
        assert!("zzzzzzzzzzzzz".parse::<VideoId>().is_err());
        assert!("zzzzzzzzzzzzzzzzzzzzzzzzzz".parse::<UploadId>().is_err());
    }

    proptest! {
        #[test]
        fn ids_round_trip(v in any::<u64>(), w in any::<u128>()) {
            prop_assert_eq!(VideoId(v).to_string().parse::<VideoId>(), Ok(VideoId(v)));
            prop_assert_eq!(UploadId(w).to_string().parse::<UploadId>(), Ok(UploadId(w)));
        }
        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = text.parse::<VideoId>();
            let _ = text.parse::<PackageId>();
        }
    }
}
