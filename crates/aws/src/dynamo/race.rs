//! Rounds of a step over several rows, for which [`Dynamo::change`] is too small.

use super::{Dynamo, Table};
use stdx::{Backoff, Fault, FaultKind};
use vocab::Millis;

const RACE: Backoff = Backoff { base: Millis(5), cap: Millis(200) };

/// Counts lost rounds and waits between them.
#[derive(Debug)]
pub struct Race<'a> {
    dynamo: &'a Dynamo,
    round: u32,
}

impl<'a> Race<'a> {
    pub fn new(dynamo: &'a Dynamo) -> Self {
        Self { dynamo, round: 0 }
    }

    /// Somebody else was faster. `Throttled` when that happened too often.
    pub async fn lost(&mut self, table: &Table) -> Result<(), Fault> {
        self.round += 1;
        if self.round >= self.dynamo.policy().races_max {
            let said = format!("too many others write the same rows of {}", table.name);
            return Err(Fault::new(FaultKind::Throttled, said));
        }
        let pause = RACE.delay(self.round, self.dynamo.entropy());
        tokio::time::sleep(pause.to_duration()).await;
        Ok(())
    }
}
