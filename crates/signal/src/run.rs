//! From parsed arguments to an exit code.

use crate::cli::{Cli, Command, Keys, Role, ServeArgs};
use crate::client::{Client, ClientError};
use crate::commands::{Ctx, classifier, dlq, doctor, feed, keys, media, review, upload, videos};
use crate::config::{self, Config};
use crate::data_dir::default_path;
use crate::demo::{Demo, Progress};
use crate::serve;
use clap::CommandFactory;
use std::io::IsTerminal;
use std::process::ExitCode;

/// Refused: bad input, missing rights, unknown id, or a file that cannot be published.
const EXIT_REFUSED: u8 = 3;
/// No server answers.
const EXIT_NO_SERVER: u8 = 4;

/// What is left of the time to stop when the roles have had theirs.
pub(crate) const CLOSING: std::time::Duration = std::time::Duration::from_secs(1);

pub fn main(cli: Cli) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => return failed(&anyhow::Error::new(e).context("cannot start the runtime")),
    };
    let outcome = runtime.block_on(dispatch(cli));
    runtime.shutdown_timeout(CLOSING);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => failed(&e),
    }
}

fn failed(e: &anyhow::Error) -> ExitCode {
    eprintln!("{e:#}");
    let is_refusal = e.downcast_ref::<media::Refused>().is_some()
        || e.downcast_ref::<media::NotAll>().is_some_and(|n| n.is_refusal);
    match e.downcast_ref::<ClientError>() {
        None if is_refusal => ExitCode::from(EXIT_REFUSED),
        Some(ClientError::Refused { .. }) => ExitCode::from(EXIT_REFUSED),
        Some(ClientError::NoServer { .. } | ClientError::NoSession { .. }) => ExitCode::from(EXIT_NO_SERVER),
        None => ExitCode::FAILURE,
    }
}

fn settings(cli: &Cli) -> anyhow::Result<(Config, Ctx)> {
    let config = config::load(cli.global.config.as_deref())?;
    let data_dir = cli.global.data_dir.clone().unwrap_or_else(|| default_path(&config.data.dir));
    let ctx = Ctx { data_dir, json: cli.global.json };
    Ok((config, ctx))
}

fn with_args(mut config: Config, args: &ServeArgs) -> Config {
    if let Some(host) = &args.host {
        config.server.host.clone_from(host);
    }
    if let Some(port) = args.port {
        config.server.port = port;
    }
    if let Some(port) = args.s3_port {
        config.objects.port = port;
    }
    config
}

async fn dispatch(cli: Cli) -> anyhow::Result<()> {
    let (config, ctx) = settings(&cli)?;
    match &cli.command {
        Command::Up(args) => {
            let roles = [Role::Api, Role::Objects, Role::Worker];
            serve::serve(with_args(config, args), &ctx, &roles).await
        }
        Command::Run { roles, serve: args } => serve::serve(with_args(config, args), &ctx, roles).await,
        Command::Upload(args) => upload::run(&ctx, args).await,
        Command::Videos { id: Some(id), .. } => videos::show(&ctx, id).await,
        Command::Videos { id: None, limit } => videos::list(&ctx, *limit).await,
        Command::Feed { limit, cursor } => feed::page(&ctx, *limit, cursor.as_deref()).await,
        Command::Review(command) => review::run(&ctx, command).await,
        Command::Dlq(command) => dlq::run(&ctx, command).await,
        Command::Demo { videos, viewers } => demo(&ctx, *videos, *viewers).await,
        Command::Media(command) => media::run(&ctx, &config, command).await,
        Command::Classifier { package, dir } => classifier::install(&ctx, package, dir.clone()),
        Command::Doctor { aws: true, yes } => doctor_aws(&ctx, &config, *yes).await,
        Command::Doctor { aws: false, .. } => doctor::run(&ctx, &config).await,
        Command::Openapi => {
            println!("{}", serve::openapi_json()?);
            Ok(())
        }
        Command::Contract { create } => contract(&ctx, &config, *create).await,
        Command::Keys(Keys::Rotate { compromised }) => keys::rotate_keys(&config, &ctx, *compromised).await,
        Command::Operator => keys::operator(&config, &ctx).await,
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "signal", &mut std::io::stdout());
            Ok(())
        }
    }
}

#[cfg(feature = "aws")]
async fn contract(ctx: &Ctx, config: &Config, create: bool) -> anyhow::Result<()> {
    if create {
        return crate::commands::create::run(ctx, config).await;
    }
    ctx.print_json(&crate::contract::document()?)
}

#[cfg(feature = "aws")]
async fn doctor_aws(ctx: &Ctx, config: &Config, yes: bool) -> anyhow::Result<()> {
    crate::commands::doctor_aws::run(ctx, config, yes).await
}

#[cfg(not(feature = "aws"))]
async fn doctor_aws(_: &Ctx, _: &Config, _: bool) -> anyhow::Result<()> {
    anyhow::bail!("this build has no engines of AWS to try: build with --features aws")
}

#[cfg(not(feature = "aws"))]
async fn contract(_: &Ctx, _: &Config, _: bool) -> anyhow::Result<()> {
    anyhow::bail!("this build has no engines of AWS to ask: build with --features aws")
}

async fn demo(ctx: &Ctx, videos: u32, viewers: u32) -> anyhow::Result<()> {
    let moderator = Client::of_data_dir(&ctx.data_dir).await?;
    let bar = indicatif::ProgressBar::new(u64::from(videos));
    if ctx.json || !std::io::stderr().is_terminal() {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
    if let Ok(style) = indicatif::ProgressStyle::with_template("{bar:30} {pos}/{len} live · {msg}") {
        bar.set_style(style);
    }
    let tell = |p: Progress| {
        bar.set_position(u64::from(p.live));
        bar.set_message(format!("{} uploaded, {} watched", p.uploaded, p.watched));
    };
    let url = moderator.url().to_owned();
    let demo = Demo { url: &url, moderator: &moderator, entropy: &stdx::OsEntropy, tell: &tell };
    let done = demo.run(videos, viewers).await?;
    bar.finish_and_clear();
    if ctx.json {
        return ctx.print_json(&serde_json::json!({ "live": done.live, "watched": done.watched }));
    }
    println!("{} videos are live, watched {} times. Open {url}", done.live, done.watched);
    Ok(())
}
