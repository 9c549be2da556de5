//! What a child may see and use, laid on between `fork` and `exec`.
//!
//! The decoders of a child read hostile bytes. So: one directory to read, one to write, no sockets,
//! bounded memory, time and files, and no life beyond ours.

use crate::policy::{JailMode, Limits};
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetStatus, path_beneath_rules,
};
use std::io;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// Everything one child may touch.
#[derive(Debug, Clone)]
pub(crate) struct Jail {
    /// Read only; files or directories. The system's libraries are added.
    pub read: Vec<PathBuf>,
    /// Read and write.
    pub write: PathBuf,
    pub cpu_s: u64,
    pub limits: Limits,
    pub mode: JailMode,
}

/// What the running kernel has to shut a child in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kernel {
    /// The version of Landlock; 0 = none.
    pub landlock: i64,
    /// Whether a filter of system calls can be laid on.
    pub seccomp: bool,
}

impl Kernel {
    pub fn running() -> Self {
        Self { landlock: landlock_version(), seccomp: has_seccomp() }
    }

    /// What is missing, for a sentence; `None` when a child can be shut in.
    pub fn lacks(self) -> Option<&'static str> {
        match (self.landlock > 0, self.seccomp) {
            (true, true) => None,
            (false, true) => Some("Landlock"),
            (true, false) => Some("seccomp filters"),
            (false, false) => Some("Landlock and seccomp filters"),
        }
    }
}

/// Whether children may be started on this kernel; the error says what to do. Pure.
pub(crate) fn admit(kernel: Kernel, mode: JailMode) -> Result<(), String> {
    match (kernel.lacks(), mode) {
        (None, _) | (Some(_), JailMode::BestEffort) => Ok(()),
        (Some(what), JailMode::Required) => Err(format!(
            "this kernel has no {what}, so a program that reads hostile files could not be shut in; use a kernel \
             that has them, or set encoder.jail = \"best-effort\" and isolate this process by other means"
        )),
    }
}

/// What every program needs to start.
const SYSTEM: [&str; 9] = [
    "/usr",
    "/bin",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/dev/null",
    "/dev/urandom",
    "/sys/devices/system/cpu",
];

/// Lays the jail on a command. A part that cannot be laid on keeps the child from starting, unless the mode
/// lets it pass.
pub(crate) fn confine(command: &mut Command, jail: &Jail) {
    let mut ruleset = landlock(&jail.read, &jail.write).ok();
    let limits = jail.limits.clone();
    let is_required = jail.mode == JailMode::Required;
    let (cpu_s, parent) = (jail.cpu_s, std::process::id());
    let lay = move || {
        die_with(parent)?;
        bound(&limits, cpu_s)?;
        let mut is_shut = false;
        if let Some(rules) = ruleset.take() {
            // Newer rights are dropped by the ruleset itself; a failure here is a real one.
            let status = rules.restrict_self().map_err(|_| io::Error::from_raw_os_error(libc::EPERM))?;
            is_shut = status.ruleset != RulesetStatus::NotEnforced;
        }
        let is_deaf = deny_sockets();
        if is_required && !(is_shut && is_deaf) {
            return Err(io::Error::from_raw_os_error(libc::EPERM));
        }
        Ok(())
    };
    #[expect(
        unsafe_code,
        reason = "the closure only makes system calls; what it needs was made before the fork"
    )]
    unsafe {
        command.pre_exec(lay);
    }
}

fn landlock(read: &[PathBuf], write: &Path) -> Result<RulesetCreated, landlock::RulesetError> {
    let abi = ABI::V5;
    let readable = SYSTEM.iter().map(PathBuf::from).chain(read.iter().cloned());
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        // No rule allows a port: every TCP connect and bind is denied.
        .handle_access(AccessNet::from_all(abi))?
        .create()?
        .add_rules(path_beneath_rules(readable, AccessFs::from_read(abi)))?
        .add_rules(path_beneath_rules([write], AccessFs::from_all(abi)))
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The kernel kills the child when the thread that made it ends; see [`crate::child::spawn`].
fn die_with(parent: u32) -> io::Result<()> {
    #[expect(unsafe_code, reason = "prctl and getppid with constant arguments")]
    unsafe {
        check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))?;
        // Too late: the parent went between fork and prctl.
        if libc::getppid() != parent as libc::pid_t {
            return Err(io::Error::other("the parent is gone"));
        }
    }
    Ok(())
}

fn bound(limits: &Limits, cpu_s: u64) -> io::Result<()> {
    let pairs = [
        (libc::RLIMIT_AS, limits.address_space_bytes, limits.address_space_bytes),
        // SIGXCPU at the soft limit tells us why it died.
        (libc::RLIMIT_CPU, cpu_s, cpu_s + 5),
        (libc::RLIMIT_FSIZE, limits.file_bytes, limits.file_bytes),
        (libc::RLIMIT_NOFILE, limits.open_files, limits.open_files),
        (libc::RLIMIT_CORE, 0, 0),
    ];
    for (what, soft, hard) in pairs {
        let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
        #[expect(unsafe_code, reason = "setrlimit reads one struct")]
        let result = unsafe { libc::setrlimit(what, &raw const limit) };
        check(result)?;
    }
    #[expect(unsafe_code, reason = "setpriority with plain numbers; not being nicer is no failure")]
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, limits.niceness);
    }
    Ok(())
}

#[cfg(target_arch = "x86_64")]
const ARCH: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCH: u32 = 0xc000_00b7;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ARCH: u32 = 0;

/// A filter that lets `socket` and `io_uring_setup` fail, and every call of another architecture.
/// Landlock alone would leave UDP open. `false` when the kernel would not take it.
fn deny_sockets() -> bool {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    const NUMBER: u32 = 0;
    const ARCHITECTURE: u32 = 4;
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut filter = [
        step(LOAD, 0, 0, ARCHITECTURE),
        step(EQUAL, 0, 5, ARCH),
        step(LOAD, 0, 0, NUMBER),
        // The x32 calls of x86-64.
        step(AT_LEAST, 3, 0, 0x4000_0000),
        step(EQUAL, 2, 0, libc::SYS_socket as u32),
        step(EQUAL, 1, 0, libc::SYS_io_uring_setup as u32),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EACCES as u32),
    ];
    if ARCH == 0 {
        return false;
    }
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    #[expect(unsafe_code, reason = "prctl copies the program before it returns")]
    unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
    }
}

/// A kernel that knows filters stumbles over the missing program, one that does not over the mode.
fn has_seccomp() -> bool {
    #[expect(unsafe_code, reason = "asks with a null program, which changes nothing")]
    let answer = unsafe {
        libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, std::ptr::null::<libc::sock_fprog>())
    };
    ARCH != 0 && answer == -1 && io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT)
}

/// Kills a whole process group at once.
pub(crate) fn kill_group(leader: u32) {
    #[expect(unsafe_code, reason = "killpg with the id of a child of ours that was not reaped yet")]
    unsafe {
        libc::killpg(leader as libc::pid_t, libc::SIGKILL);
    }
}

/// CPU milliseconds a live process has used.
pub(crate) fn cpu_ms(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in parentheses may hold spaces; utime and stime are fields 14 and 15.
    let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = after.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
    // USER_HZ is 100 on every Linux we run on.
    ticks * 10
}

/// Memory a live process has in use.
pub(crate) fn resident_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kb| kb.parse::<u64>().ok()).map_or(0, |kb| kb << 10)
}

/// The Landlock version of the running kernel; 0 = none.
fn landlock_version() -> i64 {
    const VERSION_FLAG: libc::c_uint = 1;
    #[expect(unsafe_code, reason = "asks the kernel for a number; null and 0 are the documented arguments")]
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<libc::c_void>(),
            0usize,
            VERSION_FLAG,
        )
    };
    version.max(0)
}

#[cfg(test)]
#[path = "jail_tests.rs"]
mod tests;
