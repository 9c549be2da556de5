//! `signal doctor --aws`: the cases that the embedded engines pass, against the services as configured.
//!
//! Each case gets tables, a prefix of the bucket or queues of its own under one scratch name, which are removed
//! again: after the case, and at the latest when the command ends, however it ends. Nothing of the product is
//! touched.

mod delivery;
mod ground;
mod objects;

use super::Ctx;
use crate::config::{Config, Records};
use anyhow::{Context, bail};
use aws::dynamo::{Dynamo, Table};
use ground::{Ground, block_on};
use std::io::{BufRead, IsTerminal, Write};
use std::sync::Arc;
use testkit::{Case, Trial, trials};

/// Measured at the double, rounded up.
const REQUESTS_A_CASE: usize = 100;
/// List price of a million write units on demand, us-east-1, in dollars; a read unit costs a fifth.
const DOLLARS_A_MILLION: f64 = 0.625;
/// What AWS takes to make a table.
const SECONDS_A_TABLE: usize = 8;
/// Measured at our own door, rounded up, and the list price of a thousand writes of S3 in dollars.
const S3_REQUESTS_A_CASE: usize = 60;
const S3_DOLLARS_A_THOUSAND: f64 = 0.005;
/// Measured at the double, rounded up, and the list price of a million requests of SQS in dollars.
const SQS_REQUESTS_A_CASE: usize = 60;
const SQS_DOLLARS_A_MILLION: f64 = 0.4;
/// Most cases of delivery wait for nothing; those that wait for a message to come back need this.
const SECONDS_A_DELIVERY: usize = 3;

/// The trials, and what they make.
struct Plan {
    ground: Arc<Ground>,
    trials: Vec<Trial>,
    tables: usize,
    object_cases: usize,
    delivery_cases: usize,
}

impl Plan {
    fn add<P: 'static>(
        &mut self,
        name: &str,
        cases: Vec<Case<P>>,
        tables: &'static [&'static Table],
        make: impl Fn(Dynamo) -> P + Send + Sync + 'static,
    ) {
        self.tables += cases.len() * tables.len();
        let ground = Arc::clone(&self.ground);
        self.trials.extend(trials(name, cases, move || make(ground.tables(tables))));
    }

    fn all(ground: Arc<Ground>, config: &Config) -> Self {
        let mut plan = Self { ground, trials: Vec::new(), tables: 0, object_cases: 0, delivery_cases: 0 };
        plan.pipeline();
        plan.people();
        plan.show(config.stores.event_shards);
        let objects = objects::trials(&plan.ground);
        plan.object_cases = objects.len();
        plan.trials.extend(objects);
        let delivery = delivery::trials(&plan.ground);
        plan.delivery_cases = delivery.len();
        plan.tables += delivery.len() * aws::work::TABLES.len();
        plan.trials.extend(delivery);
        plan
    }

    fn pipeline(&mut self) {
        use aws::{catalog as c, moderation as m, upload as u, work as w};
        self.add("videos", catalog::conformance::cases(), c::TABLES, |d| {
            Arc::new(c::DynamoVideoStore::new(d)) as Arc<dyn catalog::VideoStore>
        });
        self.add("library", catalog::conformance::library_cases(), c::TABLES, |d| {
            Arc::new(c::DynamoLibraryStore::new(d)) as Arc<dyn catalog::LibraryStore>
        });
        self.add("jobs", work::conformance::cases(), w::TABLES, |d| {
            Arc::new(w::DynamoJobStore::new(d)) as Arc<dyn work::JobStore>
        });
        self.add("moderation", moderation::conformance::cases(), m::TABLES, |d| {
            Arc::new(m::DynamoModerationStore::new(d)) as Arc<dyn moderation::ModerationStore>
        });
        self.add("blocks", moderation::conformance::block_list_cases(), m::TABLES, |d| {
            Arc::new(m::DynamoBlockList::new(d)) as Arc<dyn moderation::BlockList>
        });
        self.add("uploads", upload::conformance::upload_store(), u::TABLES, |d| {
            let remember = upload::UploadPolicy::default().remember;
            Arc::new(u::DynamoUploadStore::new(d, remember)) as Arc<dyn upload::UploadStore>
        });
    }

    fn people(&mut self) {
        use aws::identity as i;
        self.add("accounts", identity::conformance::account_cases(), i::TABLES, |d| {
            Arc::new(i::DynamoAccountStore::new(d)) as Arc<dyn identity::AccountStore>
        });
        self.add("sessions", identity::conformance::session_cases(), i::TABLES, |d| {
            Arc::new(i::DynamoSessionStore::new(d)) as Arc<dyn identity::SessionStore>
        });
        self.add("keys", identity::conformance::key_cases(), i::TABLES, |d| {
            Arc::new(i::DynamoKeyStore::new(d)) as Arc<dyn identity::KeyStore>
        });
        self.add("links", identity::conformance::link_cases(), i::TABLES, |d| {
            Arc::new(i::DynamoLinkStore::new(d)) as Arc<dyn identity::LinkStore>
        });
        self.add("revocations", identity::conformance::revocation_cases(), i::TABLES, |d| {
            Arc::new(i::DynamoRevocationStore::new(d)) as Arc<dyn identity::RevocationStore>
        });
    }

    fn show(&mut self, shards: u16) {
        use aws::{engagement as g, events as e, feed as f};
        self.add("events", events::conformance::cases(), e::TABLES, move |d| {
            Arc::new(e::DynamoEventLog::new(d, shards)) as Arc<dyn events::EventLog>
        });
        self.add("engagement", engagement::conformance::cases(), g::TABLES, |d| {
            let policy = engagement::EngagementPolicy::default();
            Arc::new(g::DynamoEngagementStore::new(d, policy)) as Arc<dyn engagement::EngagementStore>
        });
        self.add("queue", feed::conformance::queue_cases(), f::TABLES, |d| {
            Arc::new(f::DynamoWarmQueue::new(d, feed::QueueRules::default())) as Arc<dyn feed::WarmQueue>
        });
        self.add("seen", feed::conformance::seen_cases(), f::TABLES, |d| {
            Arc::new(f::DynamoSeenStore::new(d, f::SeenRules::default())) as Arc<dyn feed::SeenStore>
        });
    }
}

/// How the cases ended; `None` = by hand.
type Ended = Option<(u64, u64)>;

pub async fn run(ctx: &Ctx, config: &Config, yes: bool) -> anyhow::Result<()> {
    let Records::Dynamodb { .. } = config.records()? else {
        bail!("stores.url = \"{}\": there is nothing of AWS to try; see config/aws.toml", config.stores.url)
    };
    let ground = Arc::new(Ground::of(config)?);
    let plan = Plan::all(Arc::clone(&ground), config);
    tell(&plan);
    if !yes {
        confirm()?;
    }
    let Some((passed, failed)) = until_stopped(plan.trials, ground).await? else {
        bail!("stopped by hand; what was made is removed")
    };
    if ctx.json {
        ctx.print_json(&serde_json::json!({ "passed": passed, "failed": failed }))?;
    }
    anyhow::ensure!(failed == 0, "{failed} of {} cases failed", passed + failed);
    Ok(())
}

/// Runs the cases and removes what they made, also when somebody stops them.
async fn until_stopped(trials: Vec<Trial>, ground: Arc<Ground>) -> anyhow::Result<Ended> {
    // The cases start runtimes of their own.
    let of_cases = Arc::clone(&ground);
    let ran = std::thread::spawn(move || {
        let outcome = testkit::run(trials);
        block_on(of_cases.clear());
        outcome
    });
    let mut ended = tokio::task::spawn_blocking(move || ran.join());
    tokio::select! {
        ended = &mut ended => {
            let ended = ended.context("the cases were stopped")?;
            return ended.map(Some).map_err(|_| anyhow::anyhow!("the cases broke off"));
        }
        () = asked_to_stop() => {}
    }
    eprintln!("\nStopping after this case; once more stops at once.");
    ground.stop();
    tokio::select! {
        () = ground.stopped() => {}
        _ = &mut ended => {}
        () = asked_to_stop() => {}
    }
    ground.clear().await;
    Ok(None)
}

async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut term) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = term.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

fn tell(plan: &Plan) {
    let Plan { ground, trials, tables, object_cases, delivery_cases } = plan;
    let of_tables = trials.len() - object_cases - delivery_cases;
    let dollars = (of_tables * REQUESTS_A_CASE) as f64 * DOLLARS_A_MILLION / 1e6
        + (object_cases * S3_REQUESTS_A_CASE) as f64 * S3_DOLLARS_A_THOUSAND / 1e3
        + (delivery_cases * SQS_REQUESTS_A_CASE) as f64 * SQS_DOLLARS_A_MILLION / 1e6;
    eprintln!("This runs, one case after the other:");
    eprintln!("  {of_tables} cases of records against DynamoDB at {}", ground.records_at());
    for (cases, what, place) in
        [(object_cases, "objects", ground.objects_at()), (delivery_cases, "delivery", ground.queues_at())]
    {
        match place {
            Ok(place) => eprintln!("  {cases} cases of {what} against {place}"),
            Err(why) => eprintln!("  no cases of {what}: {why}"),
        }
    }
    eprintln!(
        "It makes and removes {tables} tables, and objects and queues. All have {} in their names;",
        ground.scratch()
    );
    eprintln!("nothing else is touched.");
    let seconds = tables * SECONDS_A_TABLE + delivery_cases * SECONDS_A_DELIVERY;
    eprintln!(
        "At list prices about ${dollars:.2}; on AWS about {} minutes, at doubles two.",
        seconds.div_ceil(60)
    );
}

fn confirm() -> anyhow::Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!("nobody is here to agree: say so with --yes");
    }
    eprint!("Go on? [y/N] ");
    std::io::stderr().flush()?;
    let mut said = String::new();
    std::io::stdin().lock().read_line(&mut said)?;
    if matches!(said.trim(), "y" | "Y" | "yes") { Ok(()) } else { bail!("nothing was done") }
}
