//! One SQS queue: long polls, batches, and what a batch left undone.

use crate::fault;
use crate::policy::AwsPolicy;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Config;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
    MessageSystemAttributeName, SendMessageBatchRequestEntry,
};
use aws_smithy_types::timeout::TimeoutConfig;
use std::sync::Arc;
use std::time::Duration;
use stdx::{Backoff, Entropy, Fault, FaultKind};
use vocab::Millis;

/// SQS's limit of one batch.
pub const BATCH_MAX: usize = 10;
/// SQS's limit of one batch in bytes is 256 KiB; attributes and counting leave a margin.
const BATCH_BYTES_MAX: usize = 200 * 1024;
/// SQS's longest poll.
pub const POLL_MAX: Duration = Duration::from_secs(20);
/// SQS's longest delay of a new message.
pub const DELAY_MAX: Millis = Millis::from_secs(900);
/// SQS's longest time a message may be kept out of sight.
pub const HOLD_MAX: Millis = Millis::from_secs(12 * 3600);
/// Rounds for the entries of a batch that the service could not take.
const ROUNDS_MAX: u32 = 4;
const LEFT_OVER: Backoff = Backoff { base: Millis(50), cap: Millis(1_000) };

/// A message that was received and is out of sight of others for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    pub receipt: String,
    pub body: String,
    /// How many times it was received, this time included.
    pub received: u32,
}

/// A message to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    pub body: String,
    pub delay: Millis,
}

/// A queue by its address. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Mailbox {
    client: Client,
    url: Arc<str>,
    entropy: Arc<dyn Entropy>,
}

/// Whole seconds, rounded up: never earlier than asked.
fn seconds(time: Millis, max: Millis) -> i32 {
    i32::try_from((time.clamp(Millis(0), max).0 + 999) / 1_000).unwrap_or(i32::MAX)
}

/// Positions of those that may succeed in another round. Of what the service refuses for the sender's fault,
/// a stale receipt is the usual reason: the message is somebody else's by now, or gone.
fn left_of(failed: Vec<BatchResultErrorEntry>) -> Vec<usize> {
    let (refused, left): (Vec<_>, Vec<_>) = failed.into_iter().partition(|f| f.sender_fault);
    for entry in refused {
        tracing::debug!(code = entry.code, message = entry.message, "the queue refused an entry of a batch");
    }
    left.iter().filter_map(|f| f.id.parse().ok()).collect()
}

impl Mailbox {
    pub fn new(client: Client, url: &str, entropy: Arc<dyn Entropy>) -> Self {
        Self { client, url: url.into(), entropy }
    }

    pub fn url(&self) -> &str {
        &self.url
    }
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Waits up to `wait` for the first message and takes at most `limit` (10 at most).
    pub async fn receive(&self, wait: Duration, limit: usize) -> Result<Vec<Letter>, Fault> {
        let wait = wait.min(POLL_MAX);
        // The usual limits are shorter than a long poll: they count from its end.
        let usual = self.client.config().timeout_config().and_then(|t| t.operation_attempt_timeout());
        let slack = usual.unwrap_or(AwsPolicy::default().attempt_timeout);
        let patience = TimeoutConfig::builder()
            .operation_attempt_timeout(wait + slack)
            .operation_timeout(wait + slack * 2)
            .build();
        let answer = self
            .client
            .receive_message()
            .queue_url(&*self.url)
            .wait_time_seconds(i32::try_from(wait.as_secs()).unwrap_or(20))
            .max_number_of_messages(i32::try_from(limit.clamp(1, BATCH_MAX)).unwrap_or(1))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .customize()
            .config_override(Config::builder().timeout_config(patience))
            .send()
            .await
            .map_err(|e| fault::of("receiving messages", e))?;
        let count = |m: &aws_sdk_sqs::types::Message| {
            let attributes = m.attributes.as_ref()?;
            attributes.get(&MessageSystemAttributeName::ApproximateReceiveCount)?.parse().ok()
        };
        let letters = answer.messages.unwrap_or_default().into_iter().map(|m| Letter {
            received: count(&m).unwrap_or(1),
            receipt: m.receipt_handle.unwrap_or_default(),
            body: m.body.unwrap_or_default(),
        });
        Ok(letters.collect())
    }

    /// Sends all. `Throttled` when some could not be sent; a repetition may send others twice.
    pub async fn send(&self, letters: &[Outgoing]) -> Result<(), Fault> {
        let mut rest = letters;
        while !rest.is_empty() {
            let (mut bytes, mut count) = (0, 0);
            for letter in rest.iter().take(BATCH_MAX) {
                bytes += letter.body.len();
                if count > 0 && bytes > BATCH_BYTES_MAX {
                    break;
                }
                count += 1;
            }
            let (chunk, later) = rest.split_at(count);
            rest = later;
            self.in_rounds(chunk.len(), |left| async move {
                let entries = left.iter().map(|n| {
                    SendMessageBatchRequestEntry::builder()
                        .id(n.to_string())
                        .message_body(&chunk[*n].body)
                        .delay_seconds(seconds(chunk[*n].delay, DELAY_MAX))
                        .build()
                        .map_err(Fault::internal)
                });
                let call = self.client.send_message_batch().queue_url(&*self.url);
                let call = call.set_entries(Some(entries.collect::<Result<_, _>>()?));
                let answer = call.send().await.map_err(|e| fault::of("sending messages", e))?;
                Ok(left_of(answer.failed))
            })
            .await?;
        }
        Ok(())
    }

    /// Takes messages out of the queue for good. A stale receipt is no error.
    pub async fn delete(&self, receipts: &[String]) -> Result<(), Fault> {
        for chunk in receipts.chunks(BATCH_MAX) {
            self.in_rounds(chunk.len(), |left| async move {
                let entries = left.iter().map(|n| {
                    let entry = DeleteMessageBatchRequestEntry::builder().id(n.to_string());
                    entry.receipt_handle(&chunk[*n]).build().map_err(Fault::internal)
                });
                let call = self.client.delete_message_batch().queue_url(&*self.url);
                let call = call.set_entries(Some(entries.collect::<Result<_, _>>()?));
                let answer = call.send().await.map_err(|e| fault::of("deleting messages", e))?;
                Ok(left_of(answer.failed))
            })
            .await?;
        }
        Ok(())
    }

    /// Keeps messages out of sight for `time` from now; nothing = gives them back at once.
    pub async fn hold(&self, receipts: &[String], time: Millis) -> Result<(), Fault> {
        for chunk in receipts.chunks(BATCH_MAX) {
            self.in_rounds(chunk.len(), |left| async move {
                let entries = left.iter().map(|n| {
                    ChangeMessageVisibilityBatchRequestEntry::builder()
                        .id(n.to_string())
                        .receipt_handle(&chunk[*n])
                        .visibility_timeout(seconds(time, HOLD_MAX))
                        .build()
                        .map_err(Fault::internal)
                });
                let call = self.client.change_message_visibility_batch().queue_url(&*self.url);
                let call = call.set_entries(Some(entries.collect::<Result<_, _>>()?));
                let answer = call.send().await.map_err(|e| fault::of("holding messages", e))?;
                Ok(left_of(answer.failed))
            })
            .await?;
        }
        Ok(())
    }

    /// Does `batch` for all positions of a chunk, then for those it left undone.
    async fn in_rounds<F>(&self, count: usize, batch: impl Fn(Vec<usize>) -> F) -> Result<(), Fault>
    where
        F: Future<Output = Result<Vec<usize>, Fault>>,
    {
        let mut left: Vec<usize> = (0..count).collect();
        for round in 0..ROUNDS_MAX {
            let undone = batch(left.clone()).await?;
            left.retain(|n| undone.contains(n));
            if left.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(LEFT_OVER.delay(round, self.entropy.as_ref()).to_duration()).await;
        }
        let said = format!("the queue left {} messages of a batch undone", left.len());
        Err(Fault::new(FaultKind::Throttled, said))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_whole_seconds_never_early_and_within_the_limits() {
        assert_eq!(seconds(Millis(0), DELAY_MAX), 0);
        assert_eq!(seconds(Millis(-5), DELAY_MAX), 0);
        assert_eq!(seconds(Millis(1), DELAY_MAX), 1);
        assert_eq!(seconds(Millis(2_000), DELAY_MAX), 2);
        assert_eq!(seconds(Millis(i64::MAX), DELAY_MAX), 900);
    }

    #[test]
    fn only_what_the_service_could_not_do_is_tried_again() {
        let entry = |id: &str, sender_fault| {
            BatchResultErrorEntry::builder().id(id).sender_fault(sender_fault).code("x").build().unwrap()
        };
        assert_eq!(left_of(vec![entry("0", true), entry("3", false), entry("9", false)]), [3, 9]);
    }
}
