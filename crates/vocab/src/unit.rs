//! Units as types, so that a signature says what it counts.

use serde::{Deserialize, Serialize};

macro_rules! unit {
    ($(#[$doc:meta])* $name:ident, $repr:ty, $suffix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $repr);

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "{} {}", self.0, $suffix)
            }
        }
        impl $name {
            pub const fn get(self) -> $repr { self.0 }
            pub const fn saturating_sub(self, other: Self) -> Self { Self(self.0.saturating_sub(other.0)) }
            pub const fn saturating_add(self, other: Self) -> Self { Self(self.0.saturating_add(other.0)) }
        }
    };
}

unit!(/// Milliseconds: a span, or a moment since 1970 where the name says `_at`.
    Millis, i64, "ms");
unit!(/// Kilobits (1,000 bits) a second.
    Kbps, u32, "kbps");
unit!(/// Octets.
    Bytes, u64, "B");

impl Millis {
    pub const fn from_secs(s: i64) -> Self {
        Self(s.saturating_mul(1000))
    }
    /// As a standard duration; a negative span is zero.
    pub const fn to_duration(self) -> core::time::Duration {
        core::time::Duration::from_millis(if self.0 < 0 { 0 } else { self.0 as u64 })
    }
}
