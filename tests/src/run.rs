//! Running the program, shut off from the surroundings of the tests.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};

use crate::outcome::Outcome;
use crate::program::{NOBODY, hardsnap_binary, is_open_to_all};
use crate::scratch::Scratch;
use crate::skip::{have, is_root};
use crate::wait::PATIENCE;

/// Where strace tells what it did, in the scratch folder.
const INJECTIONS: &str = "strace.log";

/// A run of the program that is being put together.
///
/// It knows nothing of the environment of the tests: its home and working
/// folder is the scratch folder, the language is C, and there is no `TZ`.
///
/// # Examples
///
/// ```no_run
/// # let scratch = hardsnap_tests::Scratch::new();
/// # let (source, store) = (scratch.join("source"), scratch.join("store"));
/// let outcome = scratch.hardsnap("backup").arg("--init").arg(&source).arg(&store).json().expect(0);
/// assert_eq!(outcome.number("files_linked"), 0);
/// ```
#[derive(Debug)]
#[must_use]
pub struct Hardsnap {
    folder: PathBuf,
    prefix: Vec<OsString>,
    binary: PathBuf,
    arguments: Vec<OsString>,
    stdout: Option<fs::File>,
}

impl Scratch {
    /// Starts a command line: `hardsnap COMMAND …`.
    pub fn hardsnap(&self, command: &str) -> Hardsnap {
        Hardsnap {
            folder: self.path().to_path_buf(),
            prefix: Vec::new(),
            binary: hardsnap_binary().to_path_buf(),
            arguments: vec![command.into()],
            stdout: None,
        }
    }

    /// Returns whether the last run with [`Hardsnap::injecting`] came to a call
    /// that failed by it.
    ///
    /// # Panics
    ///
    /// If there was no such run.
    #[must_use]
    pub fn was_injected(&self) -> bool {
        let log = fs::read(self.join(INJECTIONS)).expect("a run under strace");
        String::from_utf8_lossy(&log).contains("(INJECTED)")
    }

    /// Makes a snapshot of `source` with the time `time` (RFC 3339), in a
    /// store that is made if need be, and checks that it is complete.
    ///
    /// # Panics
    ///
    /// If the run ends with another code than 0.
    #[track_caller]
    pub fn snapshot(&self, source: &Path, store: &Path, time: &str) -> Outcome {
        self.hardsnap("backup")
            .args(["--init", "--time", time])
            .arg(source)
            .arg(store)
            .json()
            .expect(0)
    }
}

impl Hardsnap {
    /// Adds an argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(self, arguments: impl IntoIterator<Item = A>) -> Self {
        arguments.into_iter().fold(self, Self::arg)
    }

    /// Sends stdout to `file` instead of keeping it.
    pub fn stdout_to(mut self, file: fs::File) -> Self {
        self.stdout = Some(file);
        self
    }

    /// Runs it as an ordinary user: as another one when the tests run as root.
    ///
    /// # Panics
    ///
    /// If a copy of the program cannot be made for a user who may not reach
    /// the one that was built.
    #[track_caller]
    pub fn as_ordinary_user(mut self) -> Self {
        if !is_root() {
            return self;
        }
        if !is_open_to_all(&self.binary) {
            let copy = self.folder.join("hardsnap-for-all");
            if !copy.exists() {
                fs::copy(&self.binary, &copy).expect("a copy of the program");
                fs::set_permissions(&copy, PermissionsExt::from_mode(0o755)).expect("its mode");
            }
            self.binary = copy;
        }
        let id = NOBODY.to_string();
        self.within([
            "setpriv",
            "--reuid",
            &id,
            "--regid",
            &id,
            "--clear-groups",
            "--",
        ])
    }

    /// Runs it with no more than `count` open files.
    pub fn with_open_files(self, count: u32) -> Self {
        let script = format!("ulimit -n {count}; exec \"$@\"");
        self.within(["sh", "-c", &script, "sh"])
    }

    /// Runs it with this umask, in octal digits.
    pub fn with_umask(self, umask: &str) -> Self {
        let script = format!("umask {umask}; exec \"$@\"");
        self.within(["sh", "-c", &script, "sh"])
    }

    /// Runs it where this file is `/etc/fstab`, which takes root.
    ///
    /// # Panics
    ///
    /// If the path is not UTF-8.
    pub fn with_fstab(self, fstab: &Path) -> Self {
        let script = "mount --bind \"$0\" /etc/fstab && exec \"$@\"";
        let fstab = fstab.to_str().expect("a scratch folder's name");
        self.within(["unshare", "--mount", "sh", "-c", script, fstab])
    }

    /// Runs it with stdin, stdout and stderr closed, as some daemons do.
    pub fn without_streams(self) -> Self {
        self.within(["sh", "-c", "exec \"$@\" <&- >&- 2>&-", "sh"])
    }

    /// Runs it under strace with an `inject=` expression, say
    /// `linkat:signal=KILL:when=3`.
    pub fn injecting(self, injection: &str) -> Self {
        let calls = injection.split(':').next().unwrap_or_default();
        let (trace, inject) = (format!("trace={calls}"), format!("inject={injection}"));
        let log = self.folder.join(INJECTIONS);
        let log = log.to_str().expect("a scratch folder's name");
        self.within([
            "strace", "-f", "-qq", "-o", log, "-e", &trace, "-e", &inject,
        ])
    }

    /// Runs it by another program, which gets the command line as its last
    /// arguments.
    pub fn within<A: AsRef<OsStr>>(mut self, outer: impl IntoIterator<Item = A>) -> Self {
        let outer = outer
            .into_iter()
            .map(|argument| argument.as_ref().to_owned());
        self.prefix = outer.chain(self.prefix).collect();
        self
    }

    /// Runs it with `--json`.
    ///
    /// # Panics
    ///
    /// If it cannot be started or does not end in two minutes.
    #[track_caller]
    pub fn json(self) -> Outcome {
        self.arg("--json").run()
    }

    /// Runs it.
    ///
    /// # Panics
    ///
    /// If it cannot be started or does not end in two minutes.
    #[track_caller]
    pub fn run(self) -> Outcome {
        self.spawn().wait()
    }

    /// Starts it.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    #[track_caller]
    pub fn spawn(self) -> Running {
        let mut line = self.prefix;
        line.push(self.binary.into_os_string());
        line.extend(self.arguments);
        let mut command = Command::new(&line[0]);
        command
            .args(&line[1..])
            .current_dir(&self.folder)
            .env_clear()
            .env("HOME", &self.folder)
            .env("LANG", "C")
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(self.stdout.map_or_else(Stdio::piped, Stdio::from))
            .stderr(Stdio::piped());
        let started = command.spawn();
        let mut child = started.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let stdout = child.stdout.take().map(drain);
        let stderr = child.stderr.take().map(drain);
        let (ended, end) = channel();
        let pid = Pid::from_child(&child);
        let watchdog = std::thread::spawn(move || {
            let late = end.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout);
            if late {
                // It may have ended in this moment; there is nothing left to do then.
                let _ = kill_process(pid, Signal::KILL);
            }
            late
        });
        let command = format!("{command:?}");
        Running {
            command,
            child,
            stdout,
            stderr,
            ended,
            watchdog: Some(watchdog),
        }
    }
}

fn drain(mut stream: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stream
            .read_to_end(&mut bytes)
            .expect("what the program prints");
        bytes
    })
}

/// A run that has been started; killed if it is dropped before its end.
#[derive(Debug)]
pub struct Running {
    command: String,
    child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    ended: Sender<()>,
    watchdog: Option<JoinHandle<bool>>,
}

impl Running {
    /// Returns the process id; of strace, when that runs the program.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns whether it has ended.
    ///
    /// # Panics
    ///
    /// If the system does not know the process.
    #[must_use]
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child process").is_some()
    }

    /// Sends a signal.
    ///
    /// # Panics
    ///
    /// If the system refuses.
    #[track_caller]
    pub fn send(&self, signal: Signal) {
        // A process that has ended keeps its id until `wait`.
        kill_process(Pid::from_child(&self.child), signal).expect("a signal to a child process");
    }

    /// Waits for the end.
    ///
    /// # Panics
    ///
    /// If that does not come within two minutes from the start.
    #[must_use]
    #[track_caller]
    pub fn wait(mut self) -> Outcome {
        let (status, late) = self.end();
        assert!(!late, "{} did not end", self.command);
        let collect = |stream: Option<JoinHandle<Vec<u8>>>| {
            stream.map_or_else(Vec::new, |thread| thread.join().expect("a reading thread"))
        };
        let (stdout, stderr) = (collect(self.stdout.take()), collect(self.stderr.take()));
        Outcome {
            command: std::mem::take(&mut self.command),
            status,
            stdout,
            stderr,
        }
    }

    /// Waits for the process, then tells whether the watchdog had to end it.
    fn end(&mut self) -> (ExitStatus, bool) {
        let status = self.child.wait().expect("the end of a child process");
        // Nobody listens any more when the watchdog had to kill.
        let _ = self.ended.send(());
        let late = self
            .watchdog
            .take()
            .is_some_and(|thread| thread.join().expect("the watchdog"));
        (status, late)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.watchdog.is_some() {
            self.send(Signal::KILL);
            self.end();
        }
    }
}

/// Returns whether strace is there and may trace.
#[must_use]
pub fn can_trace() -> bool {
    have("strace")
        && Command::new("strace")
            .args(["-f", "-qq", "-o", "/dev/null", "true"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
}
