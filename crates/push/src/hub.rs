//! Who is connected, what they were told, and telling them more.

use crate::message::{Message, VideoStatus};
use crate::policy::PushPolicy;
use crate::ring::Ring;
use crate::sealed::SealedTickets;
use crate::tickets::Tickets;
use async_trait::async_trait;
use catalog::{StatusListener, Video};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use stdx::{Clock, Entropy};
use tokio::sync::mpsc;
use vocab::{Millis, Status, UserId, VideoId};

pub struct HubDeps {
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

/// Sends every change of a video to the open connections of its owner.
///
/// Best effort: nothing here is durable, and whoever missed something is told so.
pub struct Hub {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    policy: PushPolicy,
    tickets: Tickets<UserId>,
    /// In place of `tickets` where another process may redeem them.
    sealed: Option<SealedTickets>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    people: HashMap<UserId, Person>,
    /// The largest number ever given to anybody who was forgotten since.
    forgotten_seq: u64,
    progress: HashMap<VideoId, Progress>,
}

struct Person {
    ring: Ring,
    used_at: Millis,
    /// Oldest first.
    lines: VecDeque<Line>,
}

struct Line {
    sender: mpsc::Sender<VideoStatus>,
}

#[derive(Clone, Copy)]
struct Progress {
    status: Status,
    percent: u8,
    at: Millis,
}

/// One connection's end of the line.
pub struct Subscription {
    hello: Option<Message>,
    replay: VecDeque<VideoStatus>,
    live: mpsc::Receiver<VideoStatus>,
    ping_every: Millis,
}

impl Subscription {
    /// The next message to send: `Hello`, what was missed, then what happens.
    /// `None` = the reader was too slow, or gave way to a newer connection: close the connection.
    /// Safe to drop and call again.
    pub async fn next(&mut self) -> Option<Message> {
        if let Some(hello) = self.hello.take() {
            return Some(hello);
        }
        if let Some(message) = self.replay.pop_front() {
            return Some(Message::VideoStatus(Box::new(message)));
        }
        self.live.recv().await.map(|message| Message::VideoStatus(Box::new(message)))
    }

    /// How often the connection should be pinged.
    pub fn ping_every(&self) -> Millis {
        self.ping_every
    }
}

impl Hub {
    pub fn new(deps: HubDeps, policy: PushPolicy) -> Self {
        let len_max = (policy.tickets_max, policy.tickets_max_each);
        let (clock, entropy) = (Arc::clone(&deps.clock), Arc::clone(&deps.entropy));
        let tickets = Tickets::new(clock, entropy, policy.ticket_life, len_max);
        let HubDeps { clock, entropy } = deps;
        Self { clock, entropy, policy, tickets, sealed: None, state: Mutex::default() }
    }

    /// Tickets of this hub open a line at every hub of the same key, and theirs here.
    pub fn sharing_tickets(mut self, key: [u8; 32]) -> Self {
        let (life, spent_max) = (self.policy.ticket_life, self.policy.tickets_max);
        self.sealed = Some(SealedTickets::new(key, life, spent_max));
        self
    }

    /// Whether anybody would hear what `user` is told now.
    pub fn is_listening(&self, user: UserId) -> bool {
        let state = self.state();
        state.people.get(&user).is_some_and(|p| p.lines.iter().any(|l| !l.sender.is_closed()))
    }

    /// A one-time ticket that opens a connection for `user`, and how long it lives.
    pub fn issue_ticket(&self, user: UserId) -> (String, Millis) {
        let ticket = match &self.sealed {
            Some(sealed) => sealed.issue(user, &self.clock, self.entropy.as_ref()),
            None => self.tickets.issue(user),
        };
        (ticket, self.tickets.life())
    }

    pub fn redeem_ticket(&self, ticket: &str) -> Option<UserId> {
        match &self.sealed {
            Some(sealed) => sealed.redeem(ticket, self.clock.now()),
            None => self.tickets.redeem(ticket),
        }
    }

    /// Opens a line. `since` = the largest `seq` the caller has seen, `None` on its first visit.
    pub fn subscribe(&self, user: UserId, since: Option<u64>) -> Subscription {
        let (sender, live) = mpsc::channel(self.policy.queue_len_max.max(1));
        let now = self.clock.now();
        let mut state = self.state();
        let person = state.person(user, now, &self.policy);
        person.hang_up_the_gone();
        while person.lines.len() >= self.policy.connections_max.max(1) {
            person.lines.pop_front();
        }
        person.lines.push_back(Line { sender });
        let back = person.ring.catch_up(since);
        drop(state);
        Subscription {
            hello: Some(Message::Hello { seq: back.seq, missed: back.missed }),
            replay: back.messages.into(),
            live,
            ping_every: self.policy.ping_every,
        }
    }

    /// Sends to every connection of `to` and keeps it for those who come back.
    pub fn publish(&self, to: UserId, message: VideoStatus) {
        let now = self.clock.now();
        self.state().person(to, now, &self.policy).tell(message);
    }

    /// Open connections, for the operations page.
    pub fn connections(&self) -> usize {
        let mut state = self.state();
        state.people.values_mut().for_each(Person::hang_up_the_gone);
        state.people.values().map(|p| p.lines.len()).sum()
    }

    /// The last progress told of a video in `status`.
    pub fn progress_of(&self, video: VideoId, status: Status) -> Option<u8> {
        self.state().progress.get(&video).filter(|p| p.status == status).map(|p| p.percent)
    }

    /// Whether this progress is worth telling, which it then is.
    fn note_progress(&self, video: VideoId, status: Status, percent: u8, at: Millis) -> bool {
        let mut state = self.state();
        if let Some(told) = state.progress.get(&video).filter(|p| p.status == status) {
            let early = at < told.at.saturating_add(self.policy.progress_every) && percent < 100;
            if told.percent == percent || early {
                return false;
            }
        }
        if state.progress.len() >= self.policy.people_max {
            state.progress.clear();
        }
        state.progress.insert(video, Progress { status, percent, at });
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn person(&mut self, user: UserId, now: Millis, policy: &PushPolicy) -> &mut Person {
        if !self.people.contains_key(&user) && self.people.len() >= policy.people_max.max(1) {
            self.forget_somebody();
        }
        // Milliseconds since 1970 outrun one message a millisecond, so numbers grow over restarts;
        // within this process they also stay above whatever was given before.
        let base = u64::try_from(now.0).unwrap_or(0).max(self.forgotten_seq + 1);
        let person = self.people.entry(user).or_insert_with(|| Person {
            ring: Ring::starting_at(base, policy.ring_len_max.max(1)),
            used_at: now,
            lines: VecDeque::new(),
        });
        person.used_at = now;
        person
    }

    /// Makes room: those without a connection first, of them whoever was longest silent.
    fn forget_somebody(&mut self) {
        self.people.values_mut().for_each(Person::hang_up_the_gone);
        let idlest =
            self.people.iter().min_by_key(|(_, p)| (!p.lines.is_empty(), p.used_at)).map(|(u, _)| *u);
        if let Some(person) = idlest.and_then(|user| self.people.remove(&user)) {
            self.forgotten_seq = self.forgotten_seq.max(person.ring.last_seq());
        }
    }
}

impl Person {
    fn tell(&mut self, message: VideoStatus) {
        let message = self.ring.push(message);
        // A full queue means a slow reader: its line is dropped, and `None` tells it.
        self.lines.retain(|line| line.sender.try_send(message.clone()).is_ok());
    }

    fn hang_up_the_gone(&mut self) {
        self.lines.retain(|line| !line.sender.is_closed());
    }
}

#[async_trait]
impl StatusListener for Hub {
    async fn changed(&self, video: &Video) {
        let at = self.clock.now();
        if !video.status.is_in_flight() {
            self.state().progress.remove(&video.id);
        }
        self.publish(video.owner, VideoStatus::changed(video, at));
    }

    async fn progressed(&self, video: VideoId, owner: UserId, status: Status, percent: u8) {
        let at = self.clock.now();
        if self.note_progress(video, status, percent.min(100), at) {
            self.publish(owner, VideoStatus::progressed(video, status, percent, at));
        }
    }
}
