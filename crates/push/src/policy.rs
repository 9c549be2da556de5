//! The numbers of push.

use vocab::Millis;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushPolicy {
    /// Messages of one person that are kept for a reconnect.
    pub ring_len_max: usize,
    /// People whose messages are kept.
    pub people_max: usize,
    /// Messages one connection may be behind; one more and it is dropped.
    pub queue_len_max: usize,
    /// Connections of one person; one more drops the oldest.
    pub connections_max: usize,
    /// How long a ticket can be redeemed.
    pub ticket_life: Millis,
    /// Tickets that may wait to be redeemed, in all and of one person.
    pub tickets_max: usize,
    pub tickets_max_each: usize,
    /// Progress of one video is told no more often than this.
    pub progress_every: Millis,
    /// How often a connection is pinged.
    pub ping_every: Millis,
}

impl Default for PushPolicy {
    fn default() -> Self {
        Self {
            ring_len_max: 256,
            people_max: 10_000,
            queue_len_max: 64,
            connections_max: 8,
            ticket_life: Millis::from_secs(30),
            tickets_max: 10_000,
            tickets_max_each: 16,
            progress_every: Millis(500),
            ping_every: Millis::from_secs(20),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_lives_thirty_seconds() {
        assert_eq!(PushPolicy::default().ticket_life, Millis(30_000));
    }

    #[test]
    fn queues_are_bounded() {
        let p = PushPolicy::default();
        assert_eq!((p.ring_len_max, p.queue_len_max), (256, 64));
    }
}
