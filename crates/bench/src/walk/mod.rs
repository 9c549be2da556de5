//! The first walk: start, upload, publish, swipe.

mod feed;
pub mod media;
mod upload;

use crate::report::{Better, Figure, Report};
use crate::server::Server;
use std::path::Path;
use std::time::Duration;

pub async fn run(signal: &Path, media: &Path, report: &mut Report) -> anyhow::Result<()> {
    let server = Server::start(signal).await?;
    report.add(&Figure {
        name: "up_to_first_feed_page",
        value: server.to_first_page.as_secs_f64(),
        unit: "s",
        baseline: None,
        target: 2.0,
        better: Better::Lower,
    });
    tokio::time::sleep(Duration::from_secs(5)).await;
    report.add(&Figure {
        name: "idle_rss",
        value: server.rss_mib()?,
        unit: "MiB",
        baseline: None,
        target: 150.0,
        better: Better::Lower,
    });
    upload::run(&server, report).await?;
    media::run(&server, media, report).await?;
    drop(server);
    let data = tempfile::tempdir()?;
    feed::seed(data.path()).await?;
    feed::run(&Server::start_on(signal, data).await?, report).await
}
