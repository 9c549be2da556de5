//! What only one person may hold: an e-mail, a handle.
//!
//! A claim is an item of its own that names its owner; it counts when the owner's record carries it. It is
//! written before the record, so a claim that no record carries is either void (its writer died, or freed it)
//! or young (its writer is on its way to the record). Nobody can tell these apart by looking, and no clock
//! decides. Instead whoever wants such a claim *fences* its owner first, by a write to the owner's record
//! that changes nothing but its token, or by a marker where there is none, and then takes the claim on the
//! condition that it stands as it was read. The writer, for its part, reads its record first, then stamps
//! the claim (also one it has already), then writes the record on the condition of that first read.
//!
//! So two records never carry one claim. Let A write its record at `t4` by a read at `t1` and a stamp at
//! `t2`, and let B take the claim at `s4` after reading it at `s1`, A's record at `s2` and fencing at `s3`.
//! If `s4 < t2`, A's stamp meets B's claim and fails. Otherwise B's condition saw A's stamp: `t2 < s1`. A's
//! write succeeds only before the fence, `t4 < s3`, and the fence only if nothing was written since `s2`, so
//! `t4 < s2`: B saw the record carry the claim and refrained.

use super::accounts::ACCOUNTS;
use super::policy::{CLAIM_LOOKS, CLAIM_PAUSE};
use super::row;
use crate::dynamo::{Attr, Dynamo, Item, Key, Put, Read, Table};
use identity::User;
use stdx::{Fault, FaultKind};
use vocab::UserId;

/// Claims on e-mails and handles, and the links of people from outside issuers.
pub static ACCOUNT_CLAIMS: Table =
    Table { name: "AccountClaims", hash: Attr::s("claim"), range: None, indexes: &[], ttl: None };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// It is ours by this attempt: to be given back if the attempt fails.
    Made,
    /// It was ours before.
    Stamped,
    Taken,
}

/// The claims of one attempt to write a record.
pub struct Claims<'a> {
    dynamo: &'a Dynamo,
    owner: UserId,
    by: String,
    made: Vec<String>,
}

fn carries(record: Option<&User>, name: &str) -> bool {
    record.is_some_and(|user| row::claims_of(user).iter().any(|held| held == name))
}

impl<'a> Claims<'a> {
    pub fn new(dynamo: &'a Dynamo, owner: UserId) -> Self {
        let by = format!("{:016x}", dynamo.entropy().u64());
        Self { dynamo, owner, by, made: Vec::new() }
    }

    /// `false`: somebody else holds it.
    pub async fn take(&mut self, name: &str) -> Result<bool, Fault> {
        let claimed = self.claim(name).await?;
        if claimed == Claimed::Made {
            self.made.push(name.to_owned());
        }
        Ok(claimed != Claimed::Taken)
    }

    async fn claim(&self, name: &str) -> Result<Claimed, Fault> {
        let mine = || row::claim(name, self.owner, &self.by);
        for _ in 0..self.dynamo.policy().races_max {
            let stands = match self.dynamo.put_new(&ACCOUNT_CLAIMS, mine()).await? {
                Put::Written => return Ok(Claimed::Made),
                Put::Refused(None) => continue,
                Put::Refused(Some(stands)) => stands,
            };
            stands.layout(row::LAYOUT)?;
            let holder = row::user_id(&stands)?;
            if holder != self.owner && self.holds(holder, name).await? {
                return Ok(Claimed::Taken);
            }
            if self.dynamo.replace(&ACCOUNT_CLAIMS, mine(), &stands).await? == Put::Written {
                return Ok(if holder == self.owner { Claimed::Stamped } else { Claimed::Made });
            }
        }
        Err(Fault::new(FaultKind::Throttled, "too many others want the same e-mail or handle"))
    }

    /// Whether `holder` carries the claim; if not, they cannot any more by what they began before.
    async fn holds(&self, holder: UserId, name: &str) -> Result<bool, Fault> {
        let key = Key::of(holder.to_string());
        for look in 0..self.dynamo.policy().races_max {
            let seen = self.dynamo.get(&ACCOUNTS, &key, Read::Strong).await?;
            let record = seen.as_ref().map(row::user).transpose()?.flatten();
            if carries(record.as_ref(), name) {
                return Ok(true);
            }
            if look + 1 < CLAIM_LOOKS {
                tokio::time::sleep(CLAIM_PAUSE.to_duration()).await;
                continue;
            }
            let fenced = match &seen {
                Some(seen) => self.dynamo.replace(&ACCOUNTS, seen.clone(), seen).await?,
                None => self.dynamo.put_new(&ACCOUNTS, row::fence(holder)).await?,
            };
            if fenced == Put::Written {
                return Ok(false);
            }
        }
        Err(Fault::new(FaultKind::Throttled, "the holder of an e-mail or handle is written all the time"))
    }

    /// Gives back what this attempt made and nobody stamped since. One that was there before stays: another
    /// attempt of the same person may rely on it. What a fault leaves is void, and fenced by whoever wants it.
    pub async fn release(self) -> Result<(), Fault> {
        for name in &self.made {
            let key = Key::of(name.clone());
            let stands = self.dynamo.get(&ACCOUNT_CLAIMS, &key, Read::Strong).await?;
            if let Some(stands) = stands.filter(|i| i.opt_s("by") == Some(self.by.as_str())) {
                self.dynamo.delete_seen(&ACCOUNT_CLAIMS, &key, &stands).await?;
            }
        }
        Ok(())
    }
}

/// Reads the claims that `known` has and `next` has not. Before the record is written: a claim stamped
/// later, by a change back, must not be freed.
pub async fn to_be_freed(dynamo: &Dynamo, known: &User, next: &User) -> Result<Vec<(Key, Item)>, Fault> {
    let kept = row::claims_of(next);
    let mut freed = Vec::new();
    for name in row::claims_of(known).into_iter().filter(|name| !kept.contains(name)) {
        let key = Key::of(name);
        if let Some(stands) = dynamo.get(&ACCOUNT_CLAIMS, &key, Read::Strong).await?
            && row::user_id(&stands)? == known.id
        {
            freed.push((key, stands));
        }
    }
    Ok(freed)
}

/// Frees claims that the record has given up. A fault leaves them void.
pub async fn free(dynamo: &Dynamo, claims: Vec<(Key, Item)>) {
    for (key, stands) in claims {
        if let Err(fault) = dynamo.delete_seen(&ACCOUNT_CLAIMS, &key, &stands).await {
            tracing::warn!(%fault, "identity.claim.left");
        }
    }
}
