//! `signal doctor --aws`: the cases that the embedded engines pass, against the tables' service as configured.
//!
//! Each case gets tables of its own under a scratch prefix, which are deleted again; nothing of the product is
//! touched. The buckets and queues are looked at as every start does, and not run through cases.

use super::Ctx;
use crate::config::{Config, Records};
use crate::wiring::aws::connect;
use anyhow::{Context, bail};
use aws::dynamo::{Dynamo, Table, create};
use std::io::{BufRead, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use stdx::{Entropy, OsEntropy};
use testkit::{Case, Trial, trials};

/// Longest wait for a table to stand.
const TABLE_WAIT: Duration = Duration::from_secs(120);
/// Measured at the double, rounded up.
const REQUESTS_A_CASE: usize = 100;
/// List price of a million write units on demand, us-east-1, in dollars; a read unit costs a fifth.
const DOLLARS_A_MILLION: f64 = 0.625;
/// What AWS takes to make a table.
const SECONDS_A_TABLE: usize = 8;

/// Where the cases run, and what must go afterwards.
struct Ground {
    region: String,
    endpoint: String,
    prefix: String,
    made: Mutex<Vec<String>>,
}

fn block_on<F: Future>(f: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(f)
}

impl Ground {
    async fn dynamo(&self, prefix: &str) -> Dynamo {
        let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
        Dynamo::new(&connect(&entropy, &self.region, &self.endpoint).await, prefix)
    }

    /// Fresh tables for one case. Those of the case before go.
    fn fresh(&self, tables: &[&'static Table]) -> Dynamo {
        block_on(async {
            self.clear().await;
            let dynamo = self.dynamo(&format!("{}{:08x}-", self.prefix, OsEntropy.u64() >> 32)).await;
            for table in tables {
                let name = dynamo.name_of(table);
                self.made.lock().unwrap_or_else(PoisonError::into_inner).push(name.clone());
                create(dynamo.client(), &name, table).await.expect("the table is made");
            }
            for table in tables {
                stands(&dynamo, table).await;
            }
            dynamo
        })
    }

    async fn clear(&self) {
        let names = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        if names.is_empty() {
            return;
        }
        let client = self.dynamo("").await.client().clone();
        for name in names {
            if let Err(e) = client.delete_table().table_name(&name).send().await {
                eprintln!("delete the table {name} by hand: {e}");
            }
        }
    }
}

async fn stands(dynamo: &Dynamo, table: &Table) {
    let began = Instant::now();
    while let Err(said) = aws::checks::table(dynamo, table).await {
        assert!(began.elapsed() < TABLE_WAIT, "{said}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// The trials, and how many tables they make.
struct Plan {
    ground: Arc<Ground>,
    trials: Vec<Trial>,
    tables: usize,
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
        self.trials.extend(trials(name, cases, move || make(ground.fresh(tables))));
    }

    fn all(ground: Arc<Ground>, config: &Config) -> Self {
        let mut plan = Self { ground, trials: Vec::new(), tables: 0 };
        plan.pipeline();
        plan.people();
        plan.show(config.stores.event_shards);
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

pub async fn run(ctx: &Ctx, config: &Config, yes: bool) -> anyhow::Result<()> {
    let Records::Dynamodb { region, prefix } = config.records()? else {
        bail!("stores.url = \"{}\": there is nothing of AWS to try; see config/aws.toml", config.stores.url)
    };
    let prefix = format!("{prefix}doctor-{:06x}-", OsEntropy.u64() >> 40);
    let endpoint = config.stores.endpoint.clone();
    let ground = Arc::new(Ground { region, endpoint, prefix, made: Mutex::default() });
    let plan = Plan::all(Arc::clone(&ground), config);
    tell(&ground, &plan);
    if !yes {
        confirm()?;
    }
    let trials = plan.trials;
    // The cases start runtimes of their own.
    let ran = std::thread::spawn(move || {
        let (passed, failed) = testkit::run(trials);
        block_on(ground.clear());
        (passed, failed)
    });
    let ended = tokio::task::spawn_blocking(move || ran.join()).await.context("the cases were stopped")?;
    let (passed, failed) = ended.map_err(|_| anyhow::anyhow!("the cases broke off"))?;
    if ctx.json {
        ctx.print_json(&serde_json::json!({ "passed": passed, "failed": failed }))?;
    }
    anyhow::ensure!(failed == 0, "{failed} of {} cases failed", passed + failed);
    Ok(())
}

fn tell(ground: &Ground, plan: &Plan) {
    let place = if ground.endpoint.is_empty() { &ground.region } else { &ground.endpoint };
    let (cases, tables) = (plan.trials.len(), plan.tables);
    let dollars = (cases * REQUESTS_A_CASE) as f64 * DOLLARS_A_MILLION / 1e6;
    eprintln!("This runs {cases} cases against DynamoDB at {place}. It makes and deletes {tables} tables,");
    eprintln!("one case after the other, all named {}…; nothing else is touched.", ground.prefix);
    eprintln!(
        "At list prices about ${dollars:.2}; on AWS about {} minutes, at a double one.",
        (tables * SECONDS_A_TABLE).div_ceil(60)
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
