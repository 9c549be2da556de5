//! What is kept in process keeps every promise to the process that writes, and its time to all others.

use async_trait::async_trait;
use aws::remember::{RememberPolicy, RememberedAccounts, RememberedTotals, RememberedVideos};
use catalog::{Advance, MemoryVideoStore, StatusListener, Video, VideoStore};
use engagement::{EngagementPolicy, EngagementStore, MemoryEngagementStore};
use identity::{AccountStore, AccountStoreError, MemoryAccountStore, Role, User, UserFilter};
use std::sync::Arc;
use stdx::{Clock, ManualClock, SystemClock};
use testkit::{Case, case, trials};
use vocab::{Millis, Status, UserId, VideoId};

/// Two processes over one store: one remembers, the other writes past it.
struct Pair {
    here: RememberedVideos<Arc<dyn VideoStore>>,
    elsewhere: Arc<dyn VideoStore>,
    clock: Arc<ManualClock>,
}

fn pair() -> Arc<Pair> {
    let elsewhere: Arc<dyn VideoStore> = Arc::new(MemoryVideoStore::default());
    let clock = Arc::new(ManualClock::at(Millis(1_780_000_000_000)));
    let time = Arc::clone(&clock) as Arc<dyn Clock>;
    let here = RememberedVideos::new(Arc::clone(&elsewhere), time, &RememberPolicy::default());
    Arc::new(Pair { here, elsewhere, clock })
}

const ID: VideoId = VideoId(7 << 20);

async fn given(pair: &Pair, status: Status) {
    let mut video = Video::reserved(ID, UserId(1), "0".repeat(32), pair.clock.now());
    video.status = status;
    pair.elsewhere.insert(video).await.expect("new");
}

async fn removed_elsewhere(pair: &Pair, from: Status) {
    let step = Advance::new(ID, from, Status::Removed, pair.clock.now());
    pair.elsewhere.advance(step).await.expect("legal");
}

async fn shown(pair: &Pair) -> Status {
    pair.here.get_many(&[ID]).await.expect("answers")[0].status
}

async fn a_published_video_is_shown_from_memory_for_its_time(pair: Arc<Pair>) {
    given(&pair, Status::Published).await;
    assert_eq!(shown(&pair).await, Status::Published);
    removed_elsewhere(&pair, Status::Published).await;
    assert_eq!(shown(&pair).await, Status::Published);
    pair.clock.advance(RememberPolicy::default().video_life);
    assert_eq!(shown(&pair).await, Status::Removed);
}

async fn asking_for_one_record_tells_the_truth_and_mends_what_is_kept(pair: Arc<Pair>) {
    given(&pair, Status::Published).await;
    assert_eq!(shown(&pair).await, Status::Published);
    removed_elsewhere(&pair, Status::Published).await;
    assert_eq!(pair.here.get(ID).await.expect("there").status, Status::Removed);
    assert_eq!(shown(&pair).await, Status::Removed);
}

async fn a_video_on_its_way_is_read_every_time(pair: Arc<Pair>) {
    given(&pair, Status::InReview).await;
    assert_eq!(shown(&pair).await, Status::InReview);
    removed_elsewhere(&pair, Status::InReview).await;
    assert_eq!(shown(&pair).await, Status::Removed);
}

/// The table lags behind a notice: it still answers what stood before.
async fn taken_down(pair: &Pair) {
    let stood = pair.elsewhere.get(ID).await.expect("there");
    let gone = Video { status: Status::Removed, revision: stood.revision + 1, ..stood };
    pair.here.news().changed(&gone).await;
}

async fn an_old_read_does_not_put_back_what_was_taken_down(pair: Arc<Pair>) {
    given(&pair, Status::Published).await;
    taken_down(&pair).await;
    assert_eq!(shown(&pair).await, Status::Published, "whoever asked was answered by an old copy");
    assert_eq!(pair.here.list_public(None, 9).await.expect("answers").len(), 1, "and so was this one");
    removed_elsewhere(&pair, Status::Published).await;
    assert_eq!(shown(&pair).await, Status::Removed, "neither was kept");
    // However long the old read took.
    pair.clock.advance(RememberPolicy::default().video_life);
    let old = Video { status: Status::Published, revision: 0, ..pair.here.get(ID).await.expect("there") };
    pair.here.news().changed(&old).await;
    assert_eq!(shown(&pair).await, Status::Removed);
}

async fn an_older_notice_does_not_stand_over_a_newer_record(pair: Arc<Pair>) {
    given(&pair, Status::InReview).await;
    let stood = pair.here.get(ID).await.expect("there");
    let step = Advance::new(ID, Status::InReview, Status::Approved, pair.clock.now());
    let approved = pair.elsewhere.advance(step).await.expect("legal");
    let published = Video { status: Status::Published, revision: approved.revision + 1, ..approved };
    pair.here.news().changed(&published).await;
    pair.here.news().changed(&stood).await;
    assert_eq!(shown(&pair).await, Status::Published);
    // What comes back is shown again.
    taken_down(&pair).await;
    let back = Video { revision: published.revision + 2, ..published };
    pair.here.news().changed(&back).await;
    assert_eq!(shown(&pair).await, Status::Published);
}

fn user(id: UserId, clock: &ManualClock) -> User {
    User {
        id,
        guest: true,
        email: None,
        password_hash: None,
        display_name: "Quick Otter".into(),
        handle: format!("quick_otter_{id}"),
        bio: String::new(),
        roles: vec![Role::Viewer],
        created_at: clock.now(),
        merged_into: None,
        revision: 0,
    }
}

/// One store of two processes.
#[derive(Clone, Default)]
struct Shared(Arc<MemoryAccountStore>);

type Accounts<T> = Result<T, AccountStoreError>;

#[async_trait]
impl AccountStore for Shared {
    async fn insert(&self, user: User) -> Accounts<()> {
        self.0.insert(user).await
    }
    async fn get(&self, id: UserId) -> Accounts<User> {
        self.0.get(id).await
    }
    async fn get_many(&self, ids: &[UserId]) -> Accounts<Vec<User>> {
        self.0.get_many(ids).await
    }
    async fn find_by_email(&self, email: &str) -> Accounts<Option<User>> {
        self.0.find_by_email(email).await
    }
    async fn update(&self, user: User) -> Accounts<User> {
        self.0.update(user).await
    }
    async fn search(&self, filter: UserFilter) -> Accounts<Vec<User>> {
        self.0.search(filter).await
    }
}

async fn nobody_is_remembered_for_a_moment_and_not_by_the_process_that_adds_them(pair: Arc<Pair>) {
    let (elsewhere, clock) = (Shared::default(), Arc::clone(&pair.clock) as Arc<dyn Clock>);
    let here = RememberedAccounts::new(elsewhere.clone(), clock, &RememberPolicy::default());
    let there = async |id| here.get_many(&[id]).await.expect("answers").len();
    let (one, two) = (UserId(1), UserId(2));
    assert_eq!((there(one).await, there(two).await), (0, 0));
    elsewhere.insert(user(one, &pair.clock)).await.expect("new");
    assert_eq!(there(one).await, 0);
    here.insert(user(two, &pair.clock)).await.expect("new");
    assert_eq!(there(two).await, 1);
    pair.clock.advance(RememberPolicy::default().absence_life);
    assert_eq!(there(one).await, 1);
}

async fn a_name_is_shown_from_memory_for_five_minutes_and_changed_here_at_once(pair: Arc<Pair>) {
    let (elsewhere, clock) = (Shared::default(), Arc::clone(&pair.clock) as Arc<dyn Clock>);
    let here = RememberedAccounts::new(elsewhere.clone(), clock, &RememberPolicy::default());
    let id = UserId(1);
    let name = async || here.get_many(&[id]).await.expect("answers")[0].display_name.clone();
    elsewhere.insert(user(id, &pair.clock)).await.expect("new");
    assert_eq!(name().await, "Quick Otter");
    let renamed = async |store: &dyn AccountStore, to: &str| {
        let user = store.get(id).await.expect("there");
        store.update(User { display_name: to.into(), ..user }).await.expect("changes");
    };
    renamed(&elsewhere, "Slow Otter").await;
    pair.clock.advance(Millis(299_999));
    assert_eq!(name().await, "Quick Otter", "of people there are no notices");
    pair.clock.advance(Millis(1));
    assert_eq!(name().await, "Slow Otter");
    renamed(&here, "Sleepy Otter").await;
    assert_eq!(name().await, "Sleepy Otter");
}

fn own() -> Vec<Case<Arc<Pair>>> {
    vec![
        case(
            "an_old_read_does_not_put_back_what_was_taken_down",
            an_old_read_does_not_put_back_what_was_taken_down,
        ),
        case(
            "an_older_notice_does_not_stand_over_a_newer_record",
            an_older_notice_does_not_stand_over_a_newer_record,
        ),
        case(
            "a_name_is_shown_from_memory_for_five_minutes_and_changed_here_at_once",
            a_name_is_shown_from_memory_for_five_minutes_and_changed_here_at_once,
        ),
        case(
            "a_published_video_is_shown_from_memory_for_its_time",
            a_published_video_is_shown_from_memory_for_its_time,
        ),
        case(
            "asking_for_one_record_tells_the_truth_and_mends_what_is_kept",
            asking_for_one_record_tells_the_truth_and_mends_what_is_kept,
        ),
        case("a_video_on_its_way_is_read_every_time", a_video_on_its_way_is_read_every_time),
        case(
            "nobody_is_remembered_for_a_moment_and_not_by_the_process_that_adds_them",
            nobody_is_remembered_for_a_moment_and_not_by_the_process_that_adds_them,
        ),
    ]
}

fn main() {
    let (clock, policy): (Arc<dyn Clock>, _) = (Arc::new(SystemClock), RememberPolicy::default());
    let (c, p) = (Arc::clone(&clock), policy.clone());
    let mut all =
        trials("remembered_videos", catalog::conformance::cases(), move || -> Arc<dyn VideoStore> {
            Arc::new(RememberedVideos::new(MemoryVideoStore::default(), Arc::clone(&c), &p))
        });
    let (c, p) = (Arc::clone(&clock), policy.clone());
    let accounts = identity::conformance::account_cases();
    all.extend(trials("remembered_accounts", accounts, move || -> Arc<dyn AccountStore> {
        Arc::new(RememberedAccounts::new(MemoryAccountStore::default(), Arc::clone(&c), &p))
    }));
    let counters = engagement::conformance::cases();
    all.extend(trials("remembered_totals", counters, move || -> Arc<dyn EngagementStore> {
        let inner = MemoryEngagementStore::new(EngagementPolicy::default());
        Arc::new(RememberedTotals::new(inner, Arc::clone(&clock), &policy))
    }));
    all.extend(trials("remembered", own(), pair));
    testkit::main(all)
}
