//! From the queue of the service's events into the claims. Any number of processes share the queue.

use super::event::{NotOurs, parse};
use super::ledger::Ledger;
use crate::work::mail::{BATCH_MAX, Letter, Mailbox, POLL_MAX};
use stdx::Fault;
use tokio::time::sleep;
use vocab::Millis;

/// Between two tries of a queue that is out of reach.
const PAUSE: Millis = Millis::from_secs(2);

pub struct JobEvents {
    mailbox: Mailbox,
    ledger: Ledger,
}

impl JobEvents {
    pub fn new(mailbox: Mailbox, ledger: Ledger) -> Self {
        Self { mailbox, ledger }
    }

    /// Works until `shutdown` is ready. Never fails.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        loop {
            let turn = async {
                if let Err(error) = self.turn(POLL_MAX).await {
                    tracing::warn!(%error, "cannot hear of encoding jobs: they are asked for instead");
                    sleep(PAUSE.to_duration()).await;
                }
            };
            tokio::select! {
                () = &mut shutdown => return,
                () = turn => {}
            }
        }
    }

    /// One look into the queue. A message that could not be written down stays there.
    pub async fn turn(&self, wait: std::time::Duration) -> Result<usize, Fault> {
        let letters = self.mailbox.receive(wait, BATCH_MAX).await?;
        let mut done = Vec::with_capacity(letters.len());
        for Letter { receipt, body, .. } in letters {
            match note(&self.ledger, &body).await {
                Ok(()) => done.push(receipt),
                Err(error) => tracing::warn!(%error, "an event of an encoding job waits"),
            }
        }
        self.mailbox.delete(&done).await?;
        Ok(done.len())
    }
}

/// Writes down what a message says. What is not ours is done with.
pub async fn note(ledger: &Ledger, body: &str) -> Result<(), Fault> {
    match parse(body) {
        Ok(event) => ledger.note(&event).await,
        Err(NotOurs::Other(_)) => Ok(()),
        Err(e @ NotOurs::Foreign(_)) => {
            tracing::warn!(error = %e, "a message that does not belong into this queue");
            Ok(())
        }
    }
}
