//! The button of the empty feed: the same demo the command makes, run inside the server.

use crate::client::Client;
use crate::demo::{Demo, Progress};
use api::state::{DemoOrder, DemoPort, DemoProgress};
use async_trait::async_trait;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use stdx::{Entropy, Fault};

const VIDEOS: u32 = 12;
const VIEWERS: u32 = 8;

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
    pub fn new(data_dir: PathBuf, entropy: Arc<dyn Entropy>) -> Self {
        Self { data_dir, entropy, state: Arc::default() }
    }

    fn told(&self) -> DemoProgress {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        DemoProgress {
            running: state.running,
            done: state.progress.live,
            total: state.progress.videos,
            published: state.progress.live,
            message: state.message.clone(),
        }
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
        {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if !state.running {
                *state = State { running: true, message: "Starting.".into(), ..State::default() };
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
}
