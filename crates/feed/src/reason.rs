//! Why a video is in the feed, for its viewer.

/// The source that won.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    LikedCreator,
    Trending,
    Fresh,
    Explore,
    Again,
}

impl Reason {
    pub const ALL: [Reason; 5] =
        [Self::LikedCreator, Self::Trending, Self::Fresh, Self::Explore, Self::Again];

    /// Stable, for JSON and rows.
    pub const fn code(self) -> &'static str {
        match self {
            Self::LikedCreator => "liked_creator",
            Self::Trending => "trending",
            Self::Fresh => "fresh",
            Self::Explore => "explore",
            Self::Again => "again",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.code() == code)
    }

    /// One plain sentence.
    pub const fn text(self) -> &'static str {
        match self {
            Self::LikedCreator => "You liked other videos by this creator.",
            Self::Trending => "Many people are watching this right now.",
            Self::Fresh => "This was published recently.",
            Self::Explore => "This is new and looking for its first viewers.",
            Self::Again => "You asked to watch everything again.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip() {
        for r in Reason::ALL {
            assert_eq!(Reason::from_code(r.code()), Some(r));
        }
    }
}
