//! Records that many pages show, kept in process for a while: a page of 20 costs 20 reads otherwise.
//!
//! Only what is shown to everybody is kept, and only by the questions for many at once; whoever decides
//! something asks for one record, and that goes to the table every time. What this process writes or
//! reads one by one replaces what is kept at once; what other processes write is seen when their notice
//! arrives (of a video, within about a second), or when the kept record has lived its time. Of people and
//! counters there are no notices.

mod accounts;
mod kept;
mod totals;
mod videos;

pub use accounts::RememberedAccounts;
pub use totals::RememberedTotals;
pub use videos::{News, RememberedVideos};

use vocab::Millis;

/// How long a record may be shown without being read again, and how many are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RememberPolicy {
    /// A published video. A takedown elsewhere is seen with its notice, at the latest after this.
    pub video_life: Millis,
    /// Names and pictures of people: a change elsewhere is seen after this. A page of 20 has up to 20 people,
    /// 10 read units that would nearly always be the same names.
    pub account_life: Millis,
    /// That there is nobody of this id.
    pub absence_life: Millis,
    /// Counters: what a card shows may be this old.
    pub totals_life: Millis,
    /// Of each kind.
    pub records_max: usize,
}

impl Default for RememberPolicy {
    fn default() -> Self {
        Self {
            video_life: Millis::from_secs(30),
            account_life: Millis::from_secs(300),
            absence_life: Millis::from_secs(10),
            totals_life: Millis::from_secs(5),
            records_max: 20_000,
        }
    }
}
