//! The supervisor of a role: the first process of its container, in whatever image. It starts, freezes and ends the role's
//! program as it is told over its socket, and tells whoever watches what becomes of it.

use super::{
    child::{Child, Reaped, reap},
    message::{Answer, Ended, Launch, Order, State},
    socket,
};
use crate::runtime::Error;
use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpStream},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Between two lines to who watches, though nothing changes: so it is known that the connection lives.
const PULSE: Duration = Duration::from_secs(2);
/// Between two attempts to connect to a program that is starting.
const CONNECT_EVERY: Duration = Duration::from_millis(20);
/// How long a killed program may take to be gone.
const KILL_WITHIN: Duration = Duration::from_secs(10);
/// How long a program is given when the cluster ends its container.
const EVICTED_WITHIN: Duration = Duration::from_secs(2);

/// What is known of the program.
#[derive(Default)]
struct Now {
    state: State,
    child: Option<Arc<Child>>,
    asked: bool,
}

struct Supervisor {
    now: Mutex<Now>,
    changed: Condvar,
}

/// Supervises the program of a role, with a socket in that folder, until it is told to quit.
///
/// # Errors
/// The socket can't be made.
pub fn supervise(shared: &Path, role: &str) -> Result<(), Error> {
    let path = socket(shared, role);
    let io = |source| Error::Io { doing: "listening at", path: path.clone(), source };
    let signals = Signals::blocked();
    // what a container left that was here before
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
        _ => {}
    }
    let listener = UnixListener::bind(&path).map_err(io)?;
    let state = State { role: role.to_owned(), ..State::default() };
    let supervisor = Arc::new(Supervisor { now: Mutex::new(Now { state, ..Now::default() }), changed: Condvar::new() });
    let serving = Arc::clone(&supervisor);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let supervisor = Arc::clone(&serving);
            // who asks and goes away is nobody's trouble
            std::thread::spawn(move || drop(supervisor.serve(stream)));
        }
    });
    loop {
        if signals.next() == libc::SIGCHLD {
            while let Some(reaped) = reap() {
                supervisor.take_in(reaped);
            }
        } else {
            // The cluster ends the container: children are still to be reaped meanwhile.
            let supervisor = Arc::clone(&supervisor);
            std::thread::spawn(move || {
                supervisor.end(libc::SIGTERM, EVICTED_WITHIN);
                std::process::exit(0);
            });
        }
    }
}

impl Supervisor {
    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One connection: an order, an answer.
    fn serve(&self, stream: UnixStream) -> io::Result<()> {
        let mut line = String::new();
        BufReader::new(stream.try_clone()?).read_line(&mut line)?;
        let answer = match serde_json::from_str(&line) {
            Ok(Order::Watch) => return self.tell(stream),
            Ok(order) => self.carry_out(order),
            Err(error) => Answer::Failed(format!("an order that is none: {error}")),
        };
        write_line(&stream, &answer)
    }

    fn carry_out(&self, order: Order) -> Answer {
        match order {
            Order::Start(launch) => self.start(&launch).map_or_else(Answer::Failed, |()| Answer::Done),
            Order::Run(launch, within_ms) => match self.start(&launch) {
                Ok(()) => {
                    if !self.wait(Duration::from_millis(within_ms)) {
                        self.end(libc::SIGKILL, KILL_WITHIN);
                    }
                    let state = self.lock().state.clone();
                    state.ended.map_or(Answer::Failed("it does not end".to_owned()), Answer::Ended)
                }
                Err(why) => Answer::Failed(why),
            },
            Order::End { signal, within_ms } => match self.end(signal, Duration::from_millis(within_ms)) {
                true => Answer::Done,
                false => Answer::Failed("its program did not end after SIGKILL".to_owned()),
            },
            Order::Pause(on) => {
                if let Some(child) = self.running() {
                    child.signal_all(if on { libc::SIGSTOP } else { libc::SIGCONT });
                }
                Answer::Done
            }
            Order::Quit => {
                self.end(libc::SIGTERM, EVICTED_WITHIN);
                std::thread::spawn(|| {
                    // the answer goes first
                    std::thread::sleep(Duration::from_millis(100));
                    std::process::exit(0);
                });
                Answer::Done
            }
            Order::Watch => Answer::Failed("that is no order by itself".to_owned()),
        }
    }

    fn running(&self) -> Option<Arc<Child>> {
        self.lock().child.clone()
    }

    fn start(&self, launch: &Launch) -> Result<(), String> {
        let mut now = self.lock();
        if now.state.number != launch.number {
            if now.child.is_some() {
                return Err("its program runs already".to_owned());
            }
            let program = launch.command.first().map_or("", String::as_str);
            let child = Child::start(launch).map_err(|error| format!("starting `{program}`: {error}"))?;
            (now.state.number, now.state.ended, now.asked) = (launch.number, None, false);
            now.child = Some(Arc::new(child));
            self.changed.notify_all();
        }
        drop(now);
        let Some(awaited) = launch.awaits else { return Ok(()) };
        let end = Instant::now() + Duration::from_millis(awaited.within_ms);
        while Instant::now() < end && self.running().is_some() {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, awaited.port)).is_ok() {
                break;
            }
            std::thread::sleep(CONNECT_EVERY);
        }
        Ok(())
    }

    /// Ends the program with a signal, or kills it if it takes longer; `false` if even that does not end it.
    fn end(&self, signal: i32, within: Duration) -> bool {
        let mut now = self.lock();
        let Some(child) = now.child.clone() else { return true };
        now.asked = true;
        drop(now);
        child.signal(signal);
        // One that is frozen hears of nothing.
        child.signal_all(libc::SIGCONT);
        if self.wait(within) {
            return true;
        }
        child.signal_all(libc::SIGKILL);
        self.wait(KILL_WITHIN)
    }

    /// Waits until nothing runs; `false` when something still does.
    fn wait(&self, within: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), within, |now| now.child.is_some());
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// A process has ended. If it was the program, what it has started ends with it.
    fn take_in(self: &Arc<Self>, reaped: Reaped) {
        let Some(child) = self.running().filter(|child| child.pid == reaped.pid) else { return };
        child.signal_all(libc::SIGKILL);
        let supervisor = Arc::clone(self);
        std::thread::spawn(move || {
            let (log, out_of_memory) = (child.last_lines(), child.was_too_large());
            let Reaped { code, signal, memory, .. } = reaped;
            let mut now = supervisor.lock();
            let asked = now.asked;
            now.state.memory = now.state.memory.max(memory);
            now.state.ended = Some(Ended { code, signal, out_of_memory, asked, log });
            now.child = None;
            supervisor.changed.notify_all();
        });
    }

    /// Tells of every change, and now and then of none, until nobody listens.
    fn tell(&self, stream: UnixStream) -> io::Result<()> {
        loop {
            let now = self.lock();
            let mut state = now.state.clone();
            state.memory = state.memory.max(now.child.as_ref().map_or(0, |child| child.memory()));
            drop(now);
            write_line(&stream, &Answer::State(state.clone()))?;
            let same = |now: &mut Now| (now.state.number, &now.state.ended) == (state.number, &state.ended);
            drop(self.changed.wait_timeout_while(self.lock(), PULSE, same).unwrap_or_else(PoisonError::into_inner));
        }
    }
}

fn write_line(mut stream: &UnixStream, answer: &Answer) -> io::Result<()> {
    let line = serde_json::to_string(answer).map_err(io::Error::other)?;
    stream.write_all(format!("{line}\n").as_bytes())
}

/// Those by which a first process hears of its children's end and of its own.
struct Signals(libc::sigset_t);

impl Signals {
    /// Blocks them, to be waited for; must be called before any thread is started.
    fn blocked() -> Self {
        // SAFETY: the set is initialized by sigemptyset before it is read.
        unsafe {
            let mut set = std::mem::zeroed::<libc::sigset_t>();
            libc::sigemptyset(&raw mut set);
            for signal in [libc::SIGCHLD, libc::SIGTERM, libc::SIGINT] {
                libc::sigaddset(&raw mut set, signal);
            }
            libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
            Self(set)
        }
    }

    fn next(&self) -> i32 {
        let mut signal = 0;
        // SAFETY: the set was initialized, and the place is there to be written.
        unsafe { libc::sigwait(&raw const self.0, &raw mut signal) };
        signal
    }
}
