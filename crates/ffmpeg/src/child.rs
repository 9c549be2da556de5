//! Runs one child in a jail, reads what it says within bounds, and kills it when it must.

use crate::jail::{Jail, confine, cpu_ms, kill_group, resident_bytes};
use crate::lines::{Lines, Log};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

/// One run of a program.
#[derive(Debug)]
pub(crate) struct Task {
    pub program: PathBuf,
    pub args: Vec<OsString>,
    pub jail: Jail,
    pub wall: Duration,
    /// Kill when neither output nor progress moved for this long.
    pub stall: Option<Duration>,
    pub stdout_bytes: usize,
}

/// What a child left behind.
#[derive(Debug)]
pub(crate) struct Done {
    pub status: ExitStatus,
    /// Collected only when no line handler was given.
    pub stdout: Vec<u8>,
    pub log: Log,
}

/// Why a child did not come to its own end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("the program does not start: {0}")]
    Start(io::Error),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("not done after {0:?}")]
    Wall(Duration),
    /// `busy`: it burned CPU meanwhile, so the file is to blame and not a crowded machine.
    #[error("no progress for {after:?}")]
    Stalled { after: Duration, busy: bool },
    #[error("more output than expected")]
    Flood,
    #[error("more than {0} bytes of memory")]
    Greedy(u64),
}

/// Kills the group when the future that owns it is dropped.
struct Guard(Option<u32>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            kill_group(pid);
        }
    }
}

type Order = (Command, tokio::runtime::Handle, tokio::sync::oneshot::Sender<io::Result<Child>>);

/// Starts a command on a thread that never ends: the kernel ties a child's life to the *thread*
/// that made it, and threads of a runtime come and go.
pub(crate) async fn spawn(command: Command) -> io::Result<Child> {
    static THREAD: OnceLock<Sender<Order>> = OnceLock::new();
    let thread = THREAD.get_or_init(|| {
        let (orders, inbox) = channel::<Order>();
        let serve = move || {
            for (mut command, runtime, reply) in inbox {
                let _inside = runtime.enter();
                // Nobody waits any more: `kill_on_drop` ends what was started.
                let _ = reply.send(command.spawn());
            }
        };
        let started = std::thread::Builder::new().name("ffmpeg-spawner".into()).spawn(serve);
        started.expect("a thread starts");
        orders
    });
    let (reply, answer) = tokio::sync::oneshot::channel();
    let order = (command, tokio::runtime::Handle::current(), reply);
    thread.send(order).map_err(|_| io::Error::other("the spawner is gone"))?;
    answer.await.map_err(|_| io::Error::other("the spawner is gone"))?
}

fn command(task: &Task) -> Command {
    let mut command = Command::new(&task.program);
    command.args(&task.args).current_dir(&task.jail.write).env_clear();
    command.env("LC_ALL", "C").env("HOME", &task.jail.write).env("AV_LOG_FORCE_NOCOLOR", "1");
    // Fewer arenas: memory is bounded by address space, and each arena reserves 64 MB of it.
    command.env("MALLOC_ARENA_MAX", "2");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0).kill_on_drop(true);
    confine(&mut command, &task.jail);
    command
}

/// Runs a task to its end. With `each_line`, standard output is given to it line by line, and a `true`
/// from it counts as progress; without, output is collected.
pub(crate) async fn run(
    task: &Task,
    each_line: Option<&mut (dyn FnMut(&str) -> bool + Send)>,
) -> Result<Done, Trouble> {
    let mut child = spawn(command(task)).await.map_err(Trouble::Start)?;
    let pid = child.id();
    let mut guard = Guard(pid);
    let out = child.stdout.take().ok_or_else(|| io::Error::other("no stdout"))?;
    let err = child.stderr.take().ok_or_else(|| io::Error::other("no stderr"))?;
    let watch = Watch::new(task, pid);
    let reading =
        async { tokio::try_join!(read_stdout(out, task.stdout_bytes, each_line, &watch), read_log(err)) };
    let (stdout, log) = tokio::select! {
        read = reading => read?,
        trouble = watch.until_trouble() => return Err(trouble),
    };
    let status = tokio::select! {
        status = child.wait() => status?,
        trouble = watch.until_trouble() => return Err(trouble),
    };
    // Reaped: its number may belong to somebody else now.
    guard.0 = None;
    Ok(Done { status, stdout, log })
}

async fn read_stdout(
    mut out: impl AsyncRead + Unpin,
    most: usize,
    mut each_line: Option<&mut (dyn FnMut(&str) -> bool + Send)>,
    watch: &Watch,
) -> Result<Vec<u8>, Trouble> {
    let (mut collected, mut lines) = (Vec::new(), Lines::default());
    let mut buffer = vec![0u8; 16 << 10];
    let mut seen = 0usize;
    loop {
        let n = out.read(&mut buffer).await?;
        if n == 0 {
            return Ok(collected);
        }
        seen += n;
        if seen > most {
            return Err(Trouble::Flood);
        }
        match &mut each_line {
            Some(handle) => lines.feed(&buffer[..n], |line| {
                if handle(line) {
                    watch.moved();
                }
            }),
            None => {
                collected.extend_from_slice(&buffer[..n]);
                watch.moved();
            }
        }
    }
}

async fn read_log(mut err: impl AsyncRead + Unpin) -> Result<Log, Trouble> {
    let (mut log, mut lines) = (Log::default(), Lines::default());
    let mut buffer = vec![0u8; 8 << 10];
    loop {
        let n = err.read(&mut buffer).await?;
        if n == 0 {
            lines.finish(|line| log.line(line));
            return Ok(log);
        }
        lines.feed(&buffer[..n], |line| log.line(line));
    }
}

/// Notices a child that takes too long or does not move.
struct Watch {
    started: Instant,
    wall: Duration,
    stall: Option<Duration>,
    resident_bytes: u64,
    pid: Option<u32>,
    /// When it last moved, and the CPU it had used then.
    last: std::sync::Mutex<(Instant, u64)>,
}

impl Watch {
    fn new(task: &Task, pid: Option<u32>) -> Self {
        let now = Instant::now();
        let resident_bytes = task.jail.limits.resident_bytes;
        let last = std::sync::Mutex::new((now, 0));
        Self { started: now, wall: task.wall, stall: task.stall, resident_bytes, pid, last }
    }

    fn cpu(&self) -> u64 {
        self.pid.map_or(0, cpu_ms)
    }

    fn last(&self) -> std::sync::MutexGuard<'_, (Instant, u64)> {
        self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn moved(&self) {
        let cpu = self.cpu();
        *self.last() = (Instant::now(), cpu);
    }

    async fn until_trouble(&self) -> Trouble {
        loop {
            tokio::time::sleep(Duration::from_millis(250)).await;
            if self.started.elapsed() > self.wall {
                return Trouble::Wall(self.wall);
            }
            if self.pid.map_or(0, resident_bytes) > self.resident_bytes {
                return Trouble::Greedy(self.resident_bytes);
            }
            let (moved, cpu_then) = *self.last();
            let Some(stall) = self.stall else { continue };
            if moved.elapsed() > stall {
                let burned = self.cpu().saturating_sub(cpu_then);
                let busy = u128::from(burned) * 2 > stall.as_millis();
                return Trouble::Stalled { after: stall, busy };
            }
        }
    }
}
