//! What stopped counting before its time: a list by the hour that every process reads on from where it was.
//!
//! A process asks for the last minute every two seconds: half a read unit, whatever was told. One hour is
//! one partition, good for about 1,000 sign-outs a second.

use super::row;
use crate::dynamo::{Attr, Dynamo, Item, Query, Range, Table};
use async_trait::async_trait;
use identity::{Revocation, RevocationStore, Revoked};
use stdx::Fault;
use vocab::Millis;

/// The service removes a row some time after the last token it concerns is over.
pub static REVOCATIONS: Table = Table {
    name: "Revocations",
    hash: Attr::s("hour"),
    range: Some(Attr::s("told_at")),
    indexes: &[],
    ttl: Some("ttl"),
};

const HOUR: i64 = 3_600_000;
/// Digits of a time as it stands in a sort key, until the year 5138.
const DIGITS: usize = 14;

#[derive(Debug, Clone)]
pub struct DynamoRevocationStore(Dynamo);

impl DynamoRevocationStore {
    pub fn new(dynamo: Dynamo) -> Self {
        Self(dynamo)
    }
}

fn moment(at: Millis) -> String {
    format!("{:0DIGITS$}", at.0.max(0))
}

fn hour(at: Millis) -> i64 {
    at.0.max(0) / HOUR
}

fn to_row(revocation: &Revocation) -> Item {
    let Revocation { what, at, until } = revocation;
    let item = Item::new(row::LAYOUT)
        .s("hour", hour(*at).to_string())
        .n("at", at.0)
        .n("until", until.0)
        .n("ttl", until.0.div_euclid(1_000));
    let name = match what {
        Revoked::Session(id) => format!("session#{id}"),
        Revoked::Revision(user, least) => format!("revision#{user}#{least}"),
        Revoked::Keys => "keys".to_owned(),
    };
    // The sort key names the news: told twice it is one row.
    let item = item.s("told_at", format!("{}#{name}", moment(*at)));
    match what {
        Revoked::Session(id) => item.s("session_id", id.to_string()),
        Revoked::Revision(user, least) => {
            item.s("user_id", user.to_string()).n("revision", i64::try_from(*least).unwrap_or(i64::MAX))
        }
        Revoked::Keys => item.flag("keys", true),
    }
}

fn of_row(item: &Item) -> Result<Revocation, Fault> {
    item.layout(row::LAYOUT)?;
    let what = if item.get_flag("keys") {
        Revoked::Keys
    } else if item.attribute("session_id").is_some() {
        Revoked::Session(row::session_id(item)?)
    } else {
        let least = u64::try_from(item.get_n("revision")?).map_err(Fault::corrupt)?;
        Revoked::Revision(row::user_id(item)?, least)
    };
    Ok(Revocation { what, at: Millis(item.get_n("at")?), until: Millis(item.get_n("until")?) })
}

#[async_trait]
impl RevocationStore for DynamoRevocationStore {
    async fn publish(&self, revocation: Revocation) -> Result<(), Fault> {
        self.0.put(&REVOCATIONS, to_row(&revocation)).await
    }

    async fn published(&self, from: Millis, to: Millis, limit: usize) -> Result<Vec<Revocation>, Fault> {
        // `~` sorts after every name: all of the last moment is within.
        let range = Range::Between(moment(from), format!("{}~", moment(to)));
        let mut found = Vec::new();
        for hour in hour(from)..=hour(to) {
            let left = limit - found.len();
            if left == 0 {
                break;
            }
            let query = Query::of(&REVOCATIONS, hour.to_string(), left).range(range.clone());
            for item in self.0.query(query).await? {
                found.push(of_row(&item)?);
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use identity::SessionId;
    use stdx::FaultKind;
    use vocab::UserId;

    #[test]
    fn a_row_of_the_first_layout_is_still_read_and_a_later_one_refused() {
        let row = Item::new(1)
            .s("hour", "490896")
            .n("at", 1_767_225_600_000)
            .n("until", 1_767_225_700_000)
            .n("ttl", 1_767_225_700)
            .s("told_at", "01767225600000#session#0000000000000000000000000000002a")
            .s("session_id", "0000000000000000000000000000002a");
        let told = Revocation {
            what: Revoked::Session(SessionId(42)),
            at: Millis(1_767_225_600_000),
            until: Millis(1_767_225_700_000),
        };
        assert_eq!(of_row(&row).unwrap(), told);
        assert_eq!(to_row(&told), row);
        assert_eq!(of_row(&row.n("v", 2)).unwrap_err().kind, FaultKind::Newer);
        let revision = Revocation { what: Revoked::Revision(UserId(9), 3), ..told };
        assert_eq!(of_row(&to_row(&revision)).unwrap(), revision);
    }
}
