//! What the line to a person promises.

use catalog::{StatusListener, Video};
use push::{Hub, HubDeps, Message, PushPolicy, Subscription, VideoStatus};
use std::sync::Arc;
use stdx::{Clock, ManualClock, SeededEntropy};
use vocab::{FailureReason, Millis, Status, UserId, VideoId};

const ANN: UserId = UserId(1);
const BOB: UserId = UserId(2);

fn hub_with(policy: PushPolicy) -> (Hub, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::default());
    let deps = HubDeps { clock: clock.clone(), entropy: Arc::new(SeededEntropy::new(1)) };
    (Hub::new(deps, policy), clock)
}

fn hub() -> (Hub, Arc<ManualClock>) {
    hub_with(PushPolicy::default())
}

fn video(id: u64, owner: UserId, status: Status) -> Video {
    let mut v = Video::reserved(VideoId(id), owner, String::new(), Millis(0));
    v.status = status;
    v
}

async fn hello(line: &mut Subscription) -> (u64, bool) {
    match line.next().await {
        Some(Message::Hello { seq, missed }) => (seq, missed),
        other => panic!("the first message is a hello, not {other:?}"),
    }
}

/// What is there now, without waiting for more.
async fn there(line: &mut Subscription) -> Vec<VideoStatus> {
    // A fresh share of the runtime's patience, which otherwise ends after 128 messages.
    tokio::task::yield_now().await;
    let mut got = Vec::new();
    while let Some(Some(message)) = futures::FutureExt::now_or_never(line.next()) {
        match message {
            Message::VideoStatus(status) => got.push(*status),
            other => panic!("unexpected {other:?}"),
        }
    }
    got
}

#[tokio::test]
async fn changes_reach_their_owner_alone_and_in_order() {
    let (hub, _) = hub();
    let (mut ann, mut ann2, mut bob) =
        (hub.subscribe(ANN, None), hub.subscribe(ANN, None), hub.subscribe(BOB, None));
    let (start, missed) = hello(&mut ann).await;
    assert!(!missed);
    hello(&mut ann2).await;
    hello(&mut bob).await;
    for status in [Status::Uploaded, Status::Judging, Status::Approved] {
        hub.changed(&video(7, ANN, status)).await;
    }
    let got = there(&mut ann).await;
    let said: Vec<_> = got.iter().map(|m| (m.seq - start, m.status, m.status_text.as_str())).collect();
    let checking = "Checking your video";
    assert_eq!(
        said,
        [
            (1, Status::Uploaded, checking),
            (2, Status::Judging, checking),
            (3, Status::Approved, "Making it play everywhere")
        ]
    );
    assert_eq!(there(&mut ann2).await, got);
    assert_eq!(there(&mut bob).await, []);
}

#[tokio::test]
async fn a_failure_travels_with_its_reason() {
    let (hub, _) = hub();
    let mut ann = hub.subscribe(ANN, None);
    hello(&mut ann).await;
    let mut failed = video(7, ANN, Status::Failed);
    failed.failure = Some(FailureReason::new("media.no_video", "There is no picture.", false));
    hub.changed(&failed).await;
    let got = there(&mut ann).await;
    assert_eq!(got[0].status_text, "Not published: There is no picture.");
    assert_eq!(got[0].failure, failed.failure);
    let json: serde_json::Value =
        serde_json::from_str(&Message::VideoStatus(Box::new(got[0].clone())).to_json()).expect("json");
    assert_eq!(json["type"], "video_status");
    assert_eq!(json["failure"]["code"], "media.no_video");
    assert_eq!(json["video_id"], "0000000000007");
}

#[tokio::test]
async fn a_reconnect_is_told_what_it_missed() {
    let (hub, _) = hub();
    let mut ann = hub.subscribe(ANN, None);
    let (start, _) = hello(&mut ann).await;
    hub.changed(&video(1, ANN, Status::Uploaded)).await;
    drop(ann);
    hub.changed(&video(1, ANN, Status::Judging)).await;
    hub.changed(&video(2, ANN, Status::Uploaded)).await;
    let mut back = hub.subscribe(ANN, Some(start + 1));
    assert_eq!(hello(&mut back).await, (start + 3, false));
    let seqs: Vec<_> = there(&mut back).await.iter().map(|m| (m.seq - start, m.video_id.0)).collect();
    assert_eq!(seqs, [(2, 1), (3, 2)]);
    hub.changed(&video(3, ANN, Status::Uploaded)).await;
    assert_eq!(there(&mut back).await[0].seq, start + 4, "and what happens next follows");
}

#[tokio::test]
async fn whoever_was_away_too_long_is_told_to_look_again() {
    let (hub, _) = hub_with(PushPolicy { ring_len_max: 4, ..PushPolicy::default() });
    let (start, _) = hello(&mut hub.subscribe(ANN, None)).await;
    for id in 1..=9 {
        hub.changed(&video(id, ANN, Status::Uploaded)).await;
    }
    let mut back = hub.subscribe(ANN, Some(start + 1));
    assert_eq!(hello(&mut back).await, (start + 9, true));
    assert_eq!(there(&mut back).await, []);
}

#[tokio::test]
async fn numbers_never_go_back_over_a_restart() {
    let (before, clock) = hub();
    let mut line = before.subscribe(ANN, None);
    let (start, _) = hello(&mut line).await;
    for n in 0..100 {
        clock.advance(Millis(10));
        before.changed(&video(n % 3, ANN, Status::Uploaded)).await;
    }
    let deps = HubDeps { clock: clock.clone(), entropy: Arc::new(SeededEntropy::new(2)) };
    let after = Hub::new(deps, PushPolicy::default());
    let mut back = after.subscribe(ANN, Some(start + 100));
    let (seq, missed) = hello(&mut back).await;
    assert!(seq > start + 100, "{seq}");
    assert!(missed, "what the process before said is not here");
    assert_eq!(seq, clock.now().0 as u64);
}

#[tokio::test]
async fn forgotten_people_never_get_a_number_twice() {
    let (hub, _) = hub_with(PushPolicy { people_max: 2, ..PushPolicy::default() });
    let mut last = 0;
    for round in 0..5 {
        let mut line = hub.subscribe(ANN, None);
        let (seq, _) = hello(&mut line).await;
        assert!(round == 0 || seq >= last, "the clock stands, the numbers go on");
        for id in 0..5 {
            hub.changed(&video(id, ANN, Status::Uploaded)).await;
        }
        let got = there(&mut line).await;
        assert!(got[0].seq > last);
        last = got.last().expect("messages").seq;
        drop(line);
        for other in 10..13 {
            hub.changed(&video(1, UserId(other), Status::Uploaded)).await;
        }
    }
}

#[tokio::test]
async fn those_who_listen_are_forgotten_last() {
    let (hub, clock) = hub_with(PushPolicy { people_max: 3, ..PushPolicy::default() });
    let mut ann = hub.subscribe(ANN, None);
    hello(&mut ann).await;
    for other in 10..30 {
        clock.advance(Millis(1));
        hub.changed(&video(1, UserId(other), Status::Uploaded)).await;
    }
    hub.changed(&video(1, ANN, Status::Uploaded)).await;
    assert_eq!(there(&mut ann).await.len(), 1);
}

#[tokio::test]
async fn a_slow_reader_is_dropped_and_disturbs_nobody() {
    let (hub, _) = hub();
    let (mut slow, mut quick) = (hub.subscribe(ANN, None), hub.subscribe(ANN, None));
    hello(&mut slow).await;
    hello(&mut quick).await;
    let mut seen = 0;
    for n in 0..200 {
        hub.changed(&video(n, ANN, Status::Uploaded)).await;
        seen += there(&mut quick).await.len();
    }
    assert_eq!(seen, 200);
    assert_eq!(there(&mut slow).await.len(), 64, "what was in its queue");
    assert_eq!(slow.next().await, None, "and then the end");
    assert_eq!(hub.connections(), 1);
}

#[tokio::test]
async fn a_ninth_connection_replaces_the_first() {
    let (hub, _) = hub();
    let mut lines: Vec<_> = (0..9).map(|_| hub.subscribe(ANN, None)).collect();
    assert_eq!(hub.connections(), 8);
    hello(&mut lines[0]).await;
    assert_eq!(lines[0].next().await, None);
    drop(lines);
    assert_eq!(hub.connections(), 0);
}

#[tokio::test]
async fn progress_is_told_sparingly_and_remembered() {
    let (hub, clock) = hub();
    let mut ann = hub.subscribe(ANN, None);
    hello(&mut ann).await;
    let id = VideoId(7);
    for percent in 0..=100 {
        hub.progressed(id, ANN, Status::Encoding, percent).await;
        clock.advance(Millis(50));
    }
    let got = there(&mut ann).await;
    assert_eq!(got.len(), 11, "twice a second, and the end");
    assert_eq!(got.last().expect("messages").status_text, "Making it play everywhere 100 %");
    assert_eq!(hub.progress_of(id, Status::Encoding), Some(100));
    assert_eq!(hub.progress_of(id, Status::Judging), None);
    hub.changed(&video(7, ANN, Status::Published)).await;
    assert_eq!(hub.progress_of(id, Status::Encoding), None);
}

#[tokio::test]
async fn a_ticket_opens_once_for_its_bearer_within_thirty_seconds() {
    let (hub, clock) = hub();
    let (ticket, life) = hub.issue_ticket(ANN);
    assert_eq!((ticket.len(), life), (32, Millis(30_000)));
    assert_eq!(hub.redeem_ticket(&ticket), Some(ANN));
    assert_eq!(hub.redeem_ticket(&ticket), None, "once");
    let (late, _) = hub.issue_ticket(BOB);
    clock.advance(Millis(30_000));
    assert_eq!(hub.redeem_ticket(&late), None, "too late");
    let (upper, _) = hub.issue_ticket(BOB);
    for wrong in ["", "0", "zz", &"0".repeat(32), &"0".repeat(33), "+0000000000000000000000000000001"] {
        assert_eq!(hub.redeem_ticket(wrong), None, "{wrong}");
    }
    assert_eq!(hub.redeem_ticket(&upper.to_uppercase()), None);
}

#[tokio::test]
async fn tickets_are_bounded_and_nobody_buys_out_the_others() {
    let (hub, _) = hub_with(PushPolicy { tickets_max: 20, tickets_max_each: 3, ..PushPolicy::default() });
    let (bobs, _) = hub.issue_ticket(BOB);
    let anns: Vec<_> = (0..10).map(|_| hub.issue_ticket(ANN).0).collect();
    assert_eq!(hub.redeem_ticket(&bobs), Some(BOB));
    let good = anns.iter().filter(|t| hub.redeem_ticket(t).is_some()).count();
    assert_eq!(good, 3);
    let many: Vec<_> = (0..100).map(|n| hub.issue_ticket(UserId(n)).0).collect();
    assert_eq!(many.iter().filter(|t| hub.redeem_ticket(t).is_some()).count(), 20);
}

#[tokio::test]
async fn a_shared_ticket_opens_a_line_at_another_process_and_only_once_at_each() {
    let (here, clock) = hub();
    let (here, other) = (here.sharing_tickets([7; 32]), Arc::new(SeededEntropy::new(2)));
    let deps = HubDeps { clock: clock.clone(), entropy: other };
    let there = Hub::new(deps, PushPolicy::default()).sharing_tickets([7; 32]);
    let stranger = hub().0.sharing_tickets([8; 32]);
    let (ticket, _) = here.issue_ticket(ANN);
    assert_eq!(stranger.redeem_ticket(&ticket), None, "another key");
    assert_eq!(there.redeem_ticket(&ticket), Some(ANN));
    assert_eq!(there.redeem_ticket(&ticket), None, "once");
    let (changed, _) = here.issue_ticket(ANN);
    for i in 0..changed.len() {
        let mut other = changed.clone().into_bytes();
        other[i] = if other[i] == b'0' { b'1' } else { b'0' };
        let other = String::from_utf8(other).expect("digits");
        assert_eq!(there.redeem_ticket(&other), None, "changed at {i}");
    }
    clock.advance(Millis(30_000));
    assert_eq!(here.redeem_ticket(&changed), None, "too late");
}
