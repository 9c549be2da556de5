//! Broken stores of what processes share: links and revocations.

use async_trait::async_trait;
use identity::conformance::{link_cases, revocation_cases};
use identity::{LinkStore, MemoryLinkStore, MemoryRevocationStore, Outside, Revocation, RevocationStore};
use libtest_mimic::Trial;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use stdx::Fault;
use testkit::saboteur;
use vocab::{Millis, UserId};

pub fn trials() -> Vec<Trial> {
    let link = |name: &str, how: Link, expected| {
        saboteur(name, link_cases, move || Arc::new(BadLinks::of(how)) as _, expected)
    };
    let news = |name: &str, how: News, expected| {
        saboteur(name, revocation_cases, move || Arc::new(BadNews::of(how)) as _, expected)
    };
    vec![
        link(
            "links_anew",
            Link::Anew,
            &["the_first_link_stays", "racing_links_have_one_winner_and_all_learn_it"],
        ),
        link("runs_names_together", Link::RunsTogether, &["issuer_and_subject_name_a_person_together"]),
        link("cuts_long_names", Link::Cuts, &["any_subject_is_a_name"]),
        news(
            "leaves_out_the_end",
            News::LeavesOutTheEnd,
            &[
                "what_was_published_comes_back_whole",
                "the_same_news_twice_is_once",
                "both_ends_of_the_time_are_within",
                "news_of_many_hours_comes_in_one_answer",
            ],
        ),
        news("tells_twice", News::TellsTwice, &["the_same_news_twice_is_once"]),
        news(
            "newest_first",
            News::NewestFirst,
            &[
                "what_was_published_comes_back_whole",
                "both_ends_of_the_time_are_within",
                "news_comes_oldest_first_and_page_by_page",
                "news_of_many_hours_comes_in_one_answer",
            ],
        ),
        news("forgets_the_hour_before", News::OneHour, &["news_of_many_hours_comes_in_one_answer"]),
    ]
}

#[derive(Clone, Copy, PartialEq)]
enum Link {
    Anew,
    RunsTogether,
    Cuts,
}

struct BadLinks {
    how: Link,
    inner: MemoryLinkStore,
    last: Mutex<HashMap<Outside, UserId>>,
}

impl BadLinks {
    fn of(how: Link) -> Self {
        Self { how, inner: MemoryLinkStore::default(), last: Mutex::default() }
    }
    fn name(&self, outside: &Outside) -> Outside {
        let Outside { issuer, subject } = outside.clone();
        match self.how {
            Link::RunsTogether => Outside { issuer: format!("{issuer}{subject}"), subject: String::new() },
            Link::Cuts => Outside { issuer, subject: subject.chars().take(64).collect() },
            Link::Anew => Outside { issuer, subject },
        }
    }
}

#[async_trait]
impl LinkStore for BadLinks {
    async fn find(&self, outside: &Outside) -> Result<Option<UserId>, Fault> {
        if self.how == Link::Anew {
            return Ok(self.last.lock().unwrap().get(outside).copied());
        }
        self.inner.find(&self.name(outside)).await
    }
    async fn link(&self, outside: &Outside, user: UserId) -> Result<UserId, Fault> {
        if self.how == Link::Anew {
            self.last.lock().unwrap().insert(outside.clone(), user);
            return Ok(user);
        }
        self.inner.link(&self.name(outside), user).await
    }
}

#[derive(Clone, Copy, PartialEq)]
enum News {
    LeavesOutTheEnd,
    TellsTwice,
    NewestFirst,
    OneHour,
}

struct BadNews {
    how: News,
    inner: MemoryRevocationStore,
    all: Mutex<Vec<Revocation>>,
}

impl BadNews {
    fn of(how: News) -> Self {
        Self { how, inner: MemoryRevocationStore::default(), all: Mutex::default() }
    }
}

#[async_trait]
impl RevocationStore for BadNews {
    async fn publish(&self, revocation: Revocation) -> Result<(), Fault> {
        self.all.lock().unwrap().push(revocation);
        self.inner.publish(revocation).await
    }
    async fn published(&self, from: Millis, to: Millis, limit: usize) -> Result<Vec<Revocation>, Fault> {
        let within = |from: Millis| {
            let mut all = self.all.lock().unwrap().clone();
            all.retain(|r| (from..=to).contains(&r.at));
            all.sort_by_key(|r| r.at);
            all
        };
        match self.how {
            News::LeavesOutTheEnd => self.inner.published(from, Millis(to.0 - 1), limit).await,
            News::TellsTwice => Ok(within(from).into_iter().take(limit).collect()),
            News::NewestFirst => {
                let mut all = self.inner.published(from, to, usize::MAX).await?;
                all.reverse();
                all.truncate(limit);
                Ok(all)
            }
            News::OneHour => {
                let from = from.max(Millis(to.0 - 3_600_000));
                self.inner.published(from, to, limit).await
            }
        }
    }
}
