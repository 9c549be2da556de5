//! Messages of jobs that have ended: SNS → SQS → the row of the content.

use super::rows::Looks;
use super::video::RekognitionVideo;
use crate::work::mail::{BATCH_MAX, Letter, Mailbox, POLL_MAX};
use crate::work::queues::{Feeder, Queue};
use serde::Deserialize;
use std::time::Duration;
use stdx::Fault;
use tokio::time::sleep;

const DAYS: u32 = 24 * 3600;

/// The topic that the service publishes to, and whose messages come into [`LOOK_QUEUE`].
pub const LOOK_TOPIC: &str = "looks";

pub const LOOK_QUEUE: Queue = Queue {
    name: "looks",
    what: "Rekognition has ended a look at a video: its SNS message, in the envelope or raw",
    fed_by: Feeder::Topic,
    visibility_s: 60,
    retention_s: 4 * DAYS,
    dead_letters: "looks-dead",
    receives_max: 5,
    dead_retention_s: 14 * DAYS,
};

/// After a failed poll.
const PAUSE: Duration = Duration::from_secs(2);

pub struct EndedDeps {
    pub video: RekognitionVideo,
    pub mailbox: Mailbox,
}

/// Hears the messages and notes them on the rows. Any process hears for all.
pub struct EndedLooks {
    looks: Looks,
    mailbox: Mailbox,
}

#[derive(Debug, Deserialize)]
struct Envelope {
    #[serde(rename = "Message")]
    message: String,
}

/// What the service says. The state is not believed: the job itself is asked.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Said {
    #[serde(rename = "JobId")]
    job: String,
    #[serde(rename = "JobTag")]
    content: String,
}

fn read(body: &str) -> Option<Said> {
    match serde_json::from_str::<Envelope>(body) {
        Ok(envelope) => serde_json::from_str(&envelope.message).ok(),
        Err(_) => serde_json::from_str(body).ok(),
    }
}

impl EndedLooks {
    pub fn new(deps: EndedDeps) -> Self {
        Self { looks: deps.video.looks().clone(), mailbox: deps.mailbox }
    }

    /// Hears until `shutdown` is ready. Never fails.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => return,
                () = self.turn() => {}
            }
        }
    }

    async fn turn(&self) {
        match self.mailbox.receive(POLL_MAX, BATCH_MAX).await {
            Ok(letters) => self.hear(letters).await,
            Err(error) => {
                tracing::warn!(%error, "cannot hear of ended looks: they are asked for");
                sleep(PAUSE).await;
            }
        }
    }

    /// What was noted is deleted; the rest comes again, and in the end among the dead letters.
    async fn hear(&self, letters: Vec<Letter>) {
        let mut done = Vec::new();
        for letter in letters {
            match self.note(&letter.body).await {
                Ok(true) => done.push(letter.receipt),
                Ok(false) => tracing::warn!("a message about a look that is not understood"),
                Err(error) => tracing::warn!(%error, "an ended look cannot be noted"),
            }
        }
        if let Err(error) = self.mailbox.delete(&done).await {
            tracing::warn!(%error, "messages of ended looks will be heard again");
        }
    }

    async fn note(&self, body: &str) -> Result<bool, Fault> {
        let Some(said) = read(body) else { return Ok(false) };
        if !self.looks.tell(&said.content, &said.job).await? {
            tracing::debug!(job = said.job, "a look that nobody here asked for");
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_understood_and_nonsense_is_not() {
        let raw = r#"{"JobId":"j1","Status":"SUCCEEDED","API":"StartContentModeration","JobTag":"ab",
            "Timestamp":1,"Video":{"S3ObjectName":"raw/1","S3Bucket":"b"}}"#;
        let said = Said { job: "j1".into(), content: "ab".into() };
        assert_eq!(read(raw).as_ref(), Some(&said));
        let envelope = serde_json::json!({"Type": "Notification", "MessageId": "m", "Message": raw});
        assert_eq!(read(&envelope.to_string()), Some(said));
        for nonsense in ["", "{}", "[]", r#"{"Message":"hello"}"#, r#"{"JobId":"j1"}"#] {
            assert_eq!(read(nonsense), None);
        }
    }
}
