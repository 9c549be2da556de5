//! A `signal up` of its own for a benchmark, on scratch data and free ports.

use anyhow::{Context, ensure};
use signal::client::Client;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const START_WAIT: Duration = Duration::from_secs(20);

pub struct Server {
    child: Child,
    data: tempfile::TempDir,
    pub url: String,
    pub objects_url: String,
    /// From process start to the first feed page of a guest.
    pub to_first_page: Duration,
}

/// The setting of the port, where a benchmark must know it beforehand.
pub const PORT: &str = "SIGNAL_SERVER__PORT";

pub fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

impl Server {
    pub async fn start(signal: &Path) -> anyhow::Result<Self> {
        Self::start_on(signal, tempfile::tempdir()?).await
    }

    /// Starts on a data directory that may hold something already.
    pub async fn start_on(signal: &Path, data: tempfile::TempDir) -> anyhow::Result<Self> {
        Self::start_with(signal, data, &[]).await
    }

    /// The same with settings from the environment.
    pub async fn start_with(
        signal: &Path,
        data: tempfile::TempDir,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let wanted = settings.iter().find(|(name, _)| *name == PORT).and_then(|(_, port)| port.parse().ok());
        let (port, s3) = (wanted.map_or_else(free_port, Ok)?, free_port()?);
        let url = format!("http://127.0.0.1:{port}");
        let started = Instant::now();
        let child = Command::new(signal)
            .args(["up", "--port", &port.to_string(), "--s3-port", &s3.to_string(), "--data-dir"])
            .arg(data.path())
            .env("SIGNAL_LOG__FILTER", "warn")
            // The load generator is one address; limits per caller are not what is measured.
            .env("SIGNAL_SERVER__RATE_LIMITS", "false")
            // A person approves: what a video costs must not depend on what a model thinks of it.
            .env("SIGNAL_MODERATION__CLASSIFIER", "none:")
            .envs(settings.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("cannot start {}", signal.display()))?;
        let objects_url = format!("http://127.0.0.1:{s3}");
        let mut server = Self { child, data, url, objects_url, to_first_page: Duration::ZERO };
        loop {
            if let Ok(viewer) = Client::guest(&server.url, "00000000000000000000000001", "bench").await {
                viewer.get("/v1/feed?limit=10").await?;
                server.to_first_page = started.elapsed();
                return Ok(server);
            }
            ensure!(started.elapsed() < START_WAIT, "signal up did not answer in {START_WAIT:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub async fn operator(&self) -> anyhow::Result<Client> {
        Client::of_data_dir(self.data.path()).await
    }

    pub fn data_dir(&self) -> &Path {
        self.data.path()
    }

    /// Resident memory in MiB.
    pub fn rss_mib(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|l| l.starts_with("VmRSS:")).context("no VmRSS")?;
        let kib: f64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
        Ok(kib / 1024.0)
    }

    /// CPU seconds of the process and of its finished children.
    pub fn cpu_s(&self) -> anyhow::Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let after = stat.rsplit_once(')').context("odd stat")?.1;
        let fields: Vec<&str> = after.split_whitespace().collect();
        // utime, stime, cutime, cstime are fields 14–17 of proc(5); two stand before the ')'.
        let ticks: f64 = fields[11..15].iter().filter_map(|f| f.parse::<f64>().ok()).sum();
        Ok(ticks / 100.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(self.child.id().cast_signed()),
            nix::sys::signal::Signal::SIGTERM,
        );
        let _ = self.child.wait();
    }
}
