//! The button of the empty feed: the same demo the command makes, run inside the server.

use crate::client::Client;
use crate::data_dir::write_private;
use crate::demo::{Demo, Progress};
use api::state::{DemoOrder, DemoPort, DemoProgress};
use async_trait::async_trait;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use stdx::{Entropy, Fault};

const VIDEOS: u32 = 12;
const VIEWERS: u32 = 8;
/// Where a run is told of to the other API processes on one data directory.
const TOLD: &str = "demo.json";
/// A run that says nothing for so long has died with its process.
const SILENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Default)]
struct State {
    running: bool,
    progress: Progress,
    message: String,
}

pub struct InProcessDemo {
    data_dir: PathBuf,
    entropy: Arc<dyn Entropy>,
    state: Arc<Mutex<State>>,
}

impl InProcessDemo {
    /// `alone`: no other process uses the directory, so that whatever was told there has ended.
    pub fn new(data_dir: PathBuf, entropy: Arc<dyn Entropy>, alone: bool) -> Self {
        if alone {
            let _ = std::fs::remove_file(data_dir.join(TOLD));
        }
        Self { data_dir, entropy, state: Arc::default() }
    }

    /// This process's run, or what another process on the same directory says of its own.
    fn told(&self) -> DemoProgress {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.running
            && let Some(elsewhere) = told_elsewhere(&self.data_dir)
        {
            return elsewhere;
        }
        progress_of(&state)
    }
}

fn progress_of(state: &State) -> DemoProgress {
    DemoProgress {
        running: state.running,
        done: state.progress.live,
        total: state.progress.videos,
        published: state.progress.live,
        message: state.message.clone(),
    }
}

fn told_elsewhere(dir: &Path) -> Option<DemoProgress> {
    let file = dir.join(TOLD);
    let silent_for = std::fs::metadata(&file).ok()?.modified().ok()?.elapsed().ok()?;
    let told: Value = serde_json::from_str(&std::fs::read_to_string(&file).ok()?).ok()?;
    let number = |name: &str| told[name].as_u64().and_then(|n| u32::try_from(n).ok());
    Some(DemoProgress {
        running: told["running"].as_bool()? && silent_for < SILENCE,
        done: number("done")?,
        total: number("total")?,
        published: number("published")?,
        message: told["message"].as_str()?.to_owned(),
    })
}

/// Best effort: a page that asks another process would be told of no run.
fn tell_others(dir: &Path, state: &State) {
    let p = progress_of(state);
    let told = json!({
        "running": p.running, "done": p.done, "total": p.total, "published": p.published, "message": p.message,
    });
    if let Err(e) = write_private(&dir.join(TOLD), told.to_string().as_bytes()) {
        tracing::warn!(error = %e, "the demo's progress cannot be written");
    }
}

fn sentence(p: Progress) -> String {
    if p.live < p.videos {
        format!("Drawing and publishing videos: {} of {} are live.", p.live, p.videos)
    } else {
        format!("{} simulated viewers are watching.", p.viewers)
    }
}

#[async_trait]
impl DemoPort for InProcessDemo {
    async fn start(&self, order: DemoOrder) -> Result<DemoProgress, Fault> {
        let elsewhere = told_elsewhere(&self.data_dir).is_some_and(|told| told.running);
        {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if !state.running && !elsewhere {
                *state = State { running: true, message: "Starting.".into(), ..State::default() };
                tell_others(&self.data_dir, &state);
                let (dir, entropy, told) =
                    (self.data_dir.clone(), Arc::clone(&self.entropy), Arc::clone(&self.state));
                tokio::spawn(run(dir, entropy, told, order));
            }
        }
        Ok(self.told())
    }

    async fn progress(&self) -> DemoProgress {
        self.told()
    }
}

async fn run(dir: PathBuf, entropy: Arc<dyn Entropy>, state: Arc<Mutex<State>>, order: DemoOrder) {
    let tell = |progress: Progress| {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.message = sentence(progress);
        state.progress = progress;
        tell_others(&dir, &state);
    };
    let made = async {
        let moderator = Client::of_data_dir(&dir).await?;
        let url = moderator.url().to_owned();
        let demo = Demo { url: &url, moderator: &moderator, entropy: entropy.as_ref(), tell: &tell };
        demo.run(order.videos.unwrap_or(VIDEOS), order.viewers.unwrap_or(VIEWERS)).await
    };
    let ended = made.await;
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    state.running = false;
    state.message = match ended {
        Ok(p) => format!("{} videos are live.", p.live),
        Err(e) => {
            tracing::warn!(error = %format!("{e:#}"), "the demo stopped");
            format!("The demo stopped: {e:#}")
        }
    };
    tell_others(&dir, &state);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_process_on_the_directory_tells_of_the_run_until_it_falls_silent() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(told_elsewhere(dir.path()), None);
        let progress = Progress { live: 2, videos: 3, ..Progress::default() };
        tell_others(dir.path(), &State { running: true, progress, message: "Drawing.".into() });
        let told = told_elsewhere(dir.path()).expect("told");
        assert_eq!((told.running, told.done, told.total), (true, 2, 3));
        let file = std::fs::File::options().write(true).open(dir.path().join(TOLD)).expect("there");
        file.set_modified(std::time::SystemTime::now() - 2 * SILENCE).expect("set");
        assert!(!told_elsewhere(dir.path()).expect("told").running, "its process died");
    }
}
