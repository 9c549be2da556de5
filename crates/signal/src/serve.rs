//! `signal up` and `signal run`: sockets, roles, and a clean end.

use crate::cli::Role;
use crate::commands::Ctx;
use crate::config::{Config, Records, StoredBytes};
use crate::data_dir::DataDir;
use crate::wiring::aws::Remote;
use crate::wiring::stores::Duties;
use crate::wiring::{House, checks, classifier, demo_port, embedded, identity, machine, stores, web, worker};
use anyhow::{Context, bail};
use api::{ApiConfig, ApiState, Check, Deps, Health};
use s3door::Credentials;
use std::sync::Arc;
use std::time::Duration;
use stdx::{Clock, Entropy, OsEntropy, SystemClock};
use telemetry::{Format, LogSettings};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use work::Wake;

/// Everything stops when this turns true.
type Stop = watch::Receiver<bool>;

pub async fn serve(config: Config, ctx: &Ctx, roles: &[Role]) -> anyhow::Result<()> {
    start_log(&config)?;
    install_crash_points();
    if is_door_alone(&config, roles)? {
        return door(&config, ctx).await;
    }
    let data = open_data(&config, ctx)?;
    let api_listener = bind(&config, Role::Api, roles, config.server.port, "--port").await?;
    let door_listener = bind(&config, Role::Objects, roles, config.objects.port, "--s3-port").await?;
    let duties = Duties { serves: roles.contains(&Role::Api), works: roles.contains(&Role::Worker) };
    let house = Arc::new(House::build(&config, &data, duties).await?);
    let link = operator_link(&house, &config, &data).await?;
    let (tell_stop, stop) = watch::channel(false);
    let mut tasks = JoinSet::new();
    if let Some(listener) = api_listener {
        let state = api_state(&house, &config, &data)?;
        tasks.spawn(keep_series(state.clone(), stop.clone()));
        tasks.spawn(http(listener, state, stop.clone()));
        tasks.spawn(follow(Arc::clone(&house), stop.clone()));
    }
    if let (Some(listener), Some(door)) = (door_listener, house.stores.door.clone()) {
        let end = stopped(stop.clone());
        tasks.spawn(async move {
            door.serve(listener, end).await;
            Ok(())
        });
    }
    let (tell_idle, idle) = watch::channel(!roles.contains(&Role::Worker));
    if roles.contains(&Role::Worker) {
        let runner = worker::runner(&house, &config);
        let end = stopped(stop.clone());
        tasks.spawn(async move {
            runner.run(end).await;
            let _ = tell_idle.send(true);
            Ok(())
        });
        tasks.spawn(fold(Arc::clone(&house), stop.clone()));
    }
    tasks.spawn(deliver(Arc::clone(&house), stop, idle));
    greet(ctx, &config, &data, link.as_deref(), &classifier::said(&house.moderator, &config))?;
    until_stopped(&config, tasks, tell_stop).await
}

/// Waits for the signal to stop, or for a role that fails; gives the roles the drain time to end.
async fn until_stopped(
    config: &Config,
    mut tasks: JoinSet<anyhow::Result<()>>,
    tell_stop: watch::Sender<bool>,
) -> anyhow::Result<()> {
    tokio::select! {
        signal = terminated() => tracing::info!(signal, "stopping: no new work, finishing what is under way"),
        Some(ended) = tasks.join_next() => {
            ended.context("a role panicked")??;
            bail!("a role stopped by itself");
        }
    }
    let _ = tell_stop.send(true);
    let drain = Duration::from_secs(config.server.drain_s).saturating_sub(crate::run::CLOSING);
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(drain, all).await.is_err() {
        tracing::warn!("what did not finish in time runs again at the next start");
    }
    Ok(())
}

/// The first operator's link, and the session of this machine's commands. Processes that share their
/// records make neither, or each would spend what the one before it made: `signal operator` does.
async fn operator_link(house: &House, config: &Config, data: &DataDir) -> anyhow::Result<Option<String>> {
    if config.records()? != Records::Embedded {
        return Ok(None);
    }
    let url = config.public_url();
    let machine = identity::leave_session(&house.identity, data, &url, house.entropy.as_ref()).await?;
    identity::operator_link(&house.identity, &house.stores.records, machine, &url).await
}

pub fn open_data(config: &Config, ctx: &Ctx) -> anyhow::Result<DataDir> {
    if config.is_at_home()? { DataDir::open(&ctx.data_dir) } else { DataDir::open_shared(&ctx.data_dir) }
}

/// Whether the process is the object store of others and nothing else.
fn is_door_alone(config: &Config, roles: &[Role]) -> anyhow::Result<bool> {
    if config.records()? == Records::Embedded || !roles.contains(&Role::Objects) {
        return Ok(false);
    }
    if roles.iter().any(|r| *r != Role::Objects) && config.bytes()? != StoredBytes::Embedded {
        bail!(
            "objects.url = \"{}\" needs no role objects in this process: start it alone, as `signal run objects`",
            config.objects.url
        );
    }
    Ok(roles.iter().all(|r| *r == Role::Objects))
}

/// `signal run objects` for other processes: the S3 door over this machine's files, for whoever signs with
/// the keys of AWS's environment.
async fn door(config: &Config, ctx: &Ctx) -> anyhow::Result<()> {
    let data = DataDir::open(&ctx.data_dir)?;
    let mut config = config.clone();
    if let StoredBytes::S3 { bucket } = config.bytes()? {
        config.objects.bucket = bucket;
    }
    let listener = bind(&config, Role::Objects, &[Role::Objects], config.objects.port, "--s3-port").await?;
    let listener = listener.context("the role has a port")?;
    let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) = (Arc::new(SystemClock), Arc::new(OsEntropy));
    let wake = Wake::default();
    let (data_dir, c, e) = (&data, &clock, &entropy);
    let base = stores::Base {
        config: &config,
        data: data_dir,
        clock: c,
        entropy: e,
        wake: &wake,
        duties: Duties::default(),
    };
    let mut remote = Remote::default();
    let records = stores::records(&base, &mut remote).await?;
    remote.verify().await?;
    let (_, door) = embedded::objects(&base, &records, aws_keys()).await?;
    let (tell_stop, stop) = watch::channel(false);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        door.serve(listener, stopped(stop)).await;
        Ok(())
    });
    greet(ctx, &config, &data, None, &[])?;
    until_stopped(&config, tasks, tell_stop).await
}

/// What the other processes' chain of credentials finds in the environment.
fn aws_keys() -> Option<Credentials> {
    #[expect(clippy::disallowed_methods, reason = "AWS's names of its keys, which are no settings of ours")]
    let var = |name| std::env::var(name).ok().filter(|v| !v.is_empty());
    let (access_key, secret_key) = (var("AWS_ACCESS_KEY_ID")?, var("AWS_SECRET_ACCESS_KEY")?);
    Some(Credentials { access_key, secret_key })
}

fn start_log(config: &Config) -> anyhow::Result<()> {
    let format = match config.log.format.as_str() {
        "json" => Format::Json,
        "pretty" => Format::Pretty,
        _ => Format::Auto,
    };
    telemetry::logs::init(&LogSettings { filter: config.log.filter.clone(), format })?;
    Ok(())
}

/// Debug builds die where `SIGNAL_TEST_CRASH` says (`point`, or `point:3` for the third time there);
/// release builds have no such door.
fn install_crash_points() {
    #[cfg(debug_assertions)]
    {
        #[expect(clippy::disallowed_methods, reason = "a test hook, not a setting")]
        let wanted = std::env::var("SIGNAL_TEST_CRASH").unwrap_or_default();
        if !wanted.is_empty() {
            let (name, nth) = wanted.split_once(':').unwrap_or((wanted.as_str(), "1"));
            let (name, nth) = (name.to_owned(), nth.parse::<usize>().unwrap_or(1));
            let met = std::sync::atomic::AtomicUsize::new(0);
            stdx::crash::install(move |point| {
                if point == name && met.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1 == nth {
                    let _ = nix::sys::signal::kill(nix::unistd::getpid(), nix::sys::signal::Signal::SIGKILL);
                    // SIGKILL is delivered before anything else of ours runs; this keeps the thread from racing it.
                    std::thread::sleep(Duration::from_secs(60));
                }
            });
        }
    }
}

async fn bind(
    config: &Config,
    role: Role,
    roles: &[Role],
    port: u16,
    flag: &str,
) -> anyhow::Result<Option<TcpListener>> {
    if !roles.contains(&role) {
        return Ok(None);
    }
    let host = &config.server.host;
    match TcpListener::bind((host.as_str(), port)).await {
        Ok(listener) => Ok(Some(listener)),
        Err(e) if e.kind() == std::io::ErrorKind::AddrInUse => bail!(
            "cannot start: port {port} is taken by another program. Use {flag} {} or stop it.",
            port.wrapping_add(10)
        ),
        Err(e) => Err(e).with_context(|| format!("cannot listen on {host}:{port}")),
    }
}

fn api_state(house: &Arc<House>, config: &Config, data: &DataDir) -> anyhow::Result<ApiState> {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new()
        .install_recorder()
        .context("cannot set up the metrics")?;
    let mut policy =
        api::policy::ApiPolicy { in_flight_max: config.server.max_concurrent_requests, ..Default::default() };
    if !config.server.rate_limits {
        policy.rates = api::limits::RateLimits::boundless();
    }
    let mut checks: Vec<Arc<dyn Check>> = vec![
        Arc::new(checks::StoreCheck(Arc::clone(&house.videos))),
        Arc::new(checks::DiskCheck {
            dir: data.path().to_owned(),
            reserve_bytes: config.objects.reserve_mib << 20,
        }),
    ];
    checks.extend(house.stores.remote.checks().iter().cloned());
    let alone = config.is_at_home()?;
    let demo = config.demo.enabled.then(|| {
        let (dir, entropy) = (data.path().to_owned(), Arc::clone(&house.entropy));
        let port = demo_port::InProcessDemo::new(dir, entropy, alone);
        Arc::new(port) as Arc<dyn api::state::DemoPort>
    });
    Ok(ApiState::new(Deps {
        config: ApiConfig {
            public_url: config.public_url(),
            s3_url: Some(config.objects_url()?),
            signs_for: match config.bytes()? {
                StoredBytes::Embedded => Some(config.objects_url()?),
                StoredBytes::S3 { .. } => None,
            },
            allowed_origins: config.server.allowed_origins.clone(),
            trust_forwarded_for: config.server.trust_forwarded_for,
            demo_enabled: config.demo.enabled,
            moderation_unseen: classifier::unseen(&house.moderator, config),
            moderation_mode: if house.moderator.classifier_id().is_some() { "classifier" } else { "people" }
                .into(),
            version: env!("CARGO_PKG_VERSION").into(),
            policy,
        },
        clock: Arc::clone(&house.clock),
        entropy: Arc::clone(&house.entropy),
        cursor_key: house.cursor_key,
        issuer: Arc::clone(&house.identity.issuer),
        verifier: Arc::clone(&house.identity.verifier),
        videos: Arc::clone(&house.videos),
        library: Arc::clone(&house.library),
        owners: Arc::clone(&house.owners),
        captions: Arc::clone(&house.captions),
        covers: Arc::clone(&house.covers),
        jobs: Arc::clone(&house.jobs),
        uploads: Arc::clone(&house.uploads),
        reviews: Arc::clone(&house.reviews),
        feed: Arc::clone(&house.feed),
        events: Arc::clone(&house.ingest),
        engagement: Arc::clone(&house.engagement),
        engagement_policy: house.engagement_policy.clone(),
        reactions: Arc::clone(&house.reactions),
        origin: Arc::clone(&house.origin),
        hub: Arc::clone(&house.hub),
        indicators: Arc::clone(&house.indicators),
        machine: Arc::new(machine::ThisMachine::new(data.path().to_owned())),
        web: Arc::new(web::site()),
        demo,
        health: Health { checks, metrics: Some(Box::new(move || recorder.render())) },
    }))
}

async fn http(listener: TcpListener, state: ApiState, stop: Stop) -> anyhow::Result<()> {
    let policy = api::ServePolicy::default();
    api::serve(listener, api::app(state), policy, stopped(stop)).await.context("the HTTP server stopped")
}

async fn keep_series(state: ApiState, stop: Stop) -> anyhow::Result<()> {
    let step = state.config.policy.series_step.to_duration();
    let end = stopped(stop);
    tokio::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => return Ok(()),
            () = tokio::time::sleep(step) => api::ops::sample(&state).await,
        }
    }
}

async fn fold(house: Arc<House>, stop: Stop) -> anyhow::Result<()> {
    tokio::select! {
        () = stopped(stop) => Ok(()),
        () = house.fold.run(house.ingest.appended()) => Ok(()),
    }
}

/// Messages of jobs, until stopped and no job runs here any more.
async fn deliver(house: Arc<House>, stop: Stop, idle: Stop) -> anyhow::Result<()> {
    let stopping = stopped(stop.clone());
    let ended = Box::pin(async move {
        stopped(stop).await;
        stopped(idle).await;
    });
    house.stores.remote.deliver(Arc::clone(&house), Box::pin(stopping), ended).await;
    Ok(())
}

/// What other processes did, for whoever is connected to this one.
async fn follow(house: Arc<House>, stop: Stop) -> anyhow::Result<()> {
    tokio::select! {
        () = stopped(stop) => Ok(()),
        () = house.stores.remote.follow(&house) => Ok(()),
    }
}

async fn stopped(mut stop: Stop) {
    // An error means that the sender is gone, which is a stop as well.
    let _ = stop.wait_for(|s| *s).await;
}

async fn terminated() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut term) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = tokio::signal::ctrl_c() => "SIGINT",
    }
}

fn greet(
    ctx: &Ctx,
    config: &Config,
    data: &DataDir,
    link: Option<&str>,
    moderation: &[String],
) -> anyhow::Result<()> {
    let url = config.public_url();
    if ctx.json {
        let value = serde_json::json!({
            "url": url, "objects_url": config.objects_url()?, "operator_link": link,
            "data_dir": data.path(),
        });
        println!("{value}");
        return Ok(());
    }
    println!();
    println!("  Signal Video is running.");
    println!();
    println!("  Open          {url}");
    if let Some(link) = link {
        println!("  Operator      {link}");
        println!("                (works once; makes your browser the operator)");
    }
    println!("  API           {url}/docs");
    println!("  Data          {}", data.path().display());
    for (i, line) in moderation.iter().enumerate() {
        println!("  {:<13} {line}", if i == 0 { "Moderation" } else { "" });
    }
    println!("  Stop          Ctrl+C");
    println!();
    Ok(())
}

pub fn openapi_json() -> anyhow::Result<String> {
    api::openapi_document().to_pretty_json().context("the document can be written")
}
