//! Read, decide, write on condition; again when somebody else was faster.

use super::{Dynamo, Item, Key, Put, Read, Table};
use stdx::{Backoff, Fault, FaultKind};
use vocab::Millis;

/// What to do with the row.
#[derive(Debug)]
pub enum Write {
    /// Leave it as it is.
    Keep,
    Put(Item),
    Delete,
}

/// What to do with the row, and what to answer.
pub type Change<T> = (Write, T);

/// Between two rounds of a race.
const RACE: Backoff = Backoff { base: Millis(5), cap: Millis(200) };

impl Dynamo {
    /// Reads the row strongly, lets `decide` look at it, and writes if nobody else did in between;
    /// otherwise decides again on what stands there now. `Throttled` after `races_max` rounds.
    pub async fn change<T, E: From<Fault>>(
        &self,
        table: &Table,
        key: &Key,
        mut decide: impl FnMut(Option<&Item>) -> Result<Change<T>, E>,
    ) -> Result<T, E> {
        let mut seen = self.get(table, key, Read::Strong).await?;
        for round in 0..self.policy.races_max {
            let (write, answer) = decide(seen.as_ref())?;
            let put = match (write, &seen) {
                (Write::Keep, _) | (Write::Delete, None) => return Ok(answer),
                (Write::Put(item), None) => self.put_new(table, item).await?,
                (Write::Put(item), Some(seen)) => self.replace(table, item, seen).await?,
                (Write::Delete, Some(seen)) => self.delete_seen(table, key, seen).await?,
            };
            match put {
                Put::Written => return Ok(answer),
                Put::Refused(stands) => seen = stands,
            }
            let pause = RACE.delay(round, self.entropy());
            tokio::time::sleep(pause.to_duration()).await;
        }
        let said = format!("too many others write the same row of {}", table.name);
        Err(Fault::new(FaultKind::Throttled, said).into())
    }
}
