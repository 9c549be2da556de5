//! Every number of the room.

use vocab::Millis;

/// Partitions of the index of people by age: each takes about 1,000 new people a second.
pub const SHELVES: u64 = 8;
/// Index rows of one shelf a text search looks through, newest first. Whoever is further back is found by
/// the whole e-mail or handle.
pub const SEARCH_ROWS_MAX: usize = 2_000;
/// Index rows a query of a search with a text asks for.
pub const SEARCH_PAGE: usize = 250;

/// Times a claim whose owner does not carry it is looked at before its owner is fenced: the owner may be
/// between its claim and its record. Correct with any number; patience saves work.
pub const CLAIM_LOOKS: u32 = 4;
pub const CLAIM_PAUSE: Millis = Millis(20);

/// Sessions of one person that are looked at, newest first; the issuer keeps fewer alive.
pub const SESSIONS_LISTED_MAX: usize = 100;
/// Partitions of a day in the index of sessions by their end.
pub const DAY_SHELVES: u128 = 8;
pub const DAY: Millis = Millis(24 * 3_600_000);
/// Days a purge looks back; what is older went by its time to live.
pub const PURGE_DAYS: i64 = 3;
/// Rows of a shelf a purge reads beyond those it may delete: of the day of `before` not all are over yet.
pub const PURGE_SLACK: usize = 64;
/// Rows stay so long after they are over, so that purges and lists still tell why.
pub const KEEP_OVER: Millis = Millis(2 * 24 * 3_600_000);

/// Signing keys and codes: a handful.
pub const KEYS_MAX: usize = 256;
