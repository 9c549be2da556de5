//! The cases of a service that looks at whole videos, in memory and on broken ones that they must catch.

use async_trait::async_trait;
use moderation::conformance_second_look::{SecondLookStage, second_look_cases};
use moderation::{MemorySecondLook, SecondLook, SecondLookJob, Sight};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use stdx::Fault;
use testkit::{saboteur, trials};

struct Stage {
    service: Arc<MemorySecondLook>,
    wrong: Option<Wrong>,
    asked: Arc<AtomicU32>,
}

#[derive(Clone, Copy, PartialEq)]
enum Wrong {
    /// Asks the service for every video anew.
    PaysEveryTime,
    /// An answer that did not come is taken for a clean one.
    TakesSilenceForClean,
    TurnsTheTimeRound,
}

fn stage(wrong: Option<Wrong>) -> Arc<dyn SecondLookStage> {
    let service = Arc::new(MemorySecondLook::judging(&["Explicit"]));
    Arc::new(Stage { service, wrong, asked: Arc::default() })
}

#[async_trait]
impl SecondLookStage for Stage {
    fn look(&self) -> Arc<dyn SecondLook> {
        let (service, asked) = (Arc::clone(&self.service), Arc::clone(&self.asked));
        match self.wrong {
            None => service,
            Some(wrong) => Arc::new(Saboteur { service, wrong, asked }),
        }
    }
    async fn store(&self, job: &SecondLookJob, sights: Option<Vec<Sight>>) {
        self.service.will_see(&job.content_sha256, sights);
    }
    fn set_down(&self, is_down: bool) {
        self.service.set_down(is_down);
    }
    fn billed(&self) -> u32 {
        match self.wrong {
            Some(Wrong::PaysEveryTime) => self.asked.load(Ordering::SeqCst),
            _ => self.service.billed(),
        }
    }
}

struct Saboteur {
    service: Arc<MemorySecondLook>,
    wrong: Wrong,
    asked: Arc<AtomicU32>,
}

#[async_trait]
impl SecondLook for Saboteur {
    fn judges(&self) -> &[String] {
        self.service.judges()
    }
    async fn findings(&self, job: &SecondLookJob) -> Result<Option<Vec<Sight>>, Fault> {
        let answer = self.service.findings(job).await;
        if answer.is_ok() {
            self.asked.fetch_add(1, Ordering::SeqCst);
        }
        match self.wrong {
            Wrong::TakesSilenceForClean => Ok(answer.unwrap_or(Some(Vec::new()))),
            Wrong::TurnsTheTimeRound => answer.map(|seen| {
                seen.map(|mut s| {
                    s.reverse();
                    s
                })
            }),
            Wrong::PaysEveryTime => answer,
        }
    }
}

fn main() {
    let mut all = trials("memory", second_look_cases(), || stage(None));
    let caught: [(&str, Wrong, &'static [&'static str]); 3] = [
        (
            "pays_every_time",
            Wrong::PaysEveryTime,
            &[
                "the_same_bytes_are_paid_for_once",
                "askers_at_once_pay_once_and_hear_the_same",
                "what_cannot_be_judged_is_said_every_time",
            ],
        ),
        (
            "takes_silence_for_clean",
            Wrong::TakesSilenceForClean,
            &["a_service_that_is_down_is_asked_again_later"],
        ),
        ("turns_the_time_round", Wrong::TurnsTheTimeRound, &["what_is_seen_comes_back_in_order_of_time"]),
    ];
    for (name, wrong, expected) in caught {
        all.push(saboteur(name, second_look_cases, move || stage(Some(wrong)), expected));
    }
    testkit::main(all)
}
