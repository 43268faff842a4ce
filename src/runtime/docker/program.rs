//! A program that runs in a container: its output goes to the node's log as it comes, and its end is known when the log
//! is whole.

use super::engine::Engine;
use crate::{
    client::Signal,
    runtime::{
        Error,
        node::{from_outside, unix_ms},
    },
};
use futures::StreamExt;
use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{sync::watch, task::JoinHandle};

/// Between two attempts to follow a container's output that broke off.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// How long the engine may leave it unsaid what became of a container.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Between two looks at the memory that a container uses.
const WEIGH_EVERY: Duration = Duration::from_secs(10);

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code, if it ended by itself.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The kernel ended it because it used more memory than it may.
    pub out_of_memory: bool,
    /// Why the engine could not be asked meanwhile: it may have ended the container itself, or nobody knows what became of it.
    pub unwatched: Option<String>,
}

impl Ended {
    /// What is known of an end that is not the client's own fault, as a sentence. `last` is the last line of its log, `memory`
    /// what it may use.
    pub fn excuse(&self, last: Option<&str>, memory: Option<u64>) -> Option<String> {
        if let Some(why) = &self.unwatched {
            return Some(format!("the container engine did not answer: {why}"));
        }
        if self.out_of_memory {
            let limit = memory.map_or(String::new(), |bytes| format!(" of {} MiB", bytes >> 20));
            return Some(format!("the kernel ended it: it used more memory than its container may{limit}"));
        }
        if last.is_some_and(|last| last.trim_end().ends_with("exec format error")) {
            return Some("its image is for another architecture than this machine's".to_owned());
        }
        from_outside(self.signal)
    }
}

/// A container that was started.
#[derive(Debug)]
pub struct Program {
    /// The container.
    pub id: String,
    engine: Engine,
    ended: watch::Receiver<Option<Ended>>,
    /// Bytes that it was seen to use at most.
    memory: Arc<AtomicU64>,
    tasks: [JoinHandle<()>; 2],
}

impl Program {
    /// Follows a container that was started; its output is appended to `log`.
    pub fn follow(engine: &Engine, id: String, log: &Path) -> Result<Self, Error> {
        let io = |source| Error::Io { doing: "writing", path: log.to_owned(), source };
        let file = OpenOptions::new().create(true).append(true).open(log).map_err(io)?;
        let (sender, ended) = watch::channel(None);
        let following = Following {
            engine: engine.clone(),
            id: id.clone(),
            log: log.to_owned(),
            file,
            heard: 0,
            answer_within: ANSWER_WITHIN,
        };
        let follower = tokio::spawn(async move {
            let end = following.until_its_end().await;
            let _ = sender.send(Some(end));
        });
        let memory = Arc::new(AtomicU64::new(0));
        let weighing = weigh(engine.clone(), id.clone(), Arc::clone(&memory), ended.clone());
        let tasks = [follower, tokio::spawn(weighing)];
        Ok(Self { id, engine: engine.clone(), ended, memory, tasks })
    }

    /// Bytes of memory that it was seen to use at most, this moment included.
    pub async fn most_memory(&self) -> u64 {
        let now = if self.ended().is_none() { self.engine.memory(&self.id).await } else { None };
        self.memory.fetch_max(now.unwrap_or(0), Ordering::Relaxed).max(now.unwrap_or(0))
    }

    /// How it ended; `None` while it runs.
    pub fn ended(&self) -> Option<Ended> {
        self.ended.borrow().clone()
    }

    /// Waits for its end, up to `patience`. `false` when it still runs.
    pub async fn wait(&self, patience: Duration) -> bool {
        let mut ended = self.ended.clone();
        tokio::time::timeout(patience, ended.wait_for(Option::is_some)).await.is_ok()
    }

    /// Sends it a signal.
    pub async fn signal(&self, signal: Signal) -> Result<(), Error> {
        let name = match signal {
            Signal::Term => "SIGTERM",
            Signal::Int => "SIGINT",
            Signal::Kill => "SIGKILL",
        };
        self.engine.kill(&self.id, name).await
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Looks at a container's memory now and then until it ends.
async fn weigh(engine: Engine, id: String, most: Arc<AtomicU64>, mut ended: watch::Receiver<Option<Ended>>) {
    while tokio::time::timeout(WEIGH_EVERY, ended.wait_for(Option::is_some)).await.is_err() {
        most.fetch_max(engine.memory(&id).await.unwrap_or(0), Ordering::Relaxed);
    }
}

struct Following {
    engine: Engine,
    id: String,
    log: PathBuf,
    file: File,
    /// When the last of its output came, Unix seconds; 0 before the first.
    heard: i32,
    answer_within: Duration,
}

impl Following {
    async fn until_its_end(mut self) -> Ended {
        // Since when, and how, the engine does not say what became of it.
        let mut silent: Option<(Instant, String)> = None;
        loop {
            self.write_output().await;
            let looked = tokio::time::timeout(self.answer_within, self.engine.state(&self.id)).await;
            let error = match looked {
                Ok(Ok(Some(state))) if !state.running.unwrap_or(false) => {
                    let code = state.exit_code.unwrap_or(-1) as i32;
                    let out_of_memory = state.oom_killed.unwrap_or(false);
                    // The engine's way to say it, as shells do.
                    let signal = Some(code - 128).filter(|signal| (1..=64).contains(signal));
                    let (code, unwatched) = (signal.is_none().then_some(code), silent.map(|(_, why)| why));
                    return Ended { code, signal, out_of_memory, unwatched };
                }
                // It runs: its output broke off.
                Ok(Ok(Some(_))) => {
                    silent = None;
                    tokio::time::sleep(AGAIN_AFTER).await;
                    continue;
                }
                // Somebody removed it.
                Ok(Ok(None)) => {
                    let unwatched = silent.map(|(_, why)| why);
                    return Ended { code: None, signal: Some(libc::SIGKILL), out_of_memory: false, unwatched };
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no word of a container within {} s", self.answer_within.as_secs()),
            };
            let (since, why) = silent.get_or_insert_with(|| (Instant::now(), error));
            if since.elapsed() >= self.answer_within {
                return Ended { code: None, signal: None, out_of_memory: false, unwatched: Some(why.clone()) };
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    /// Writes its output from where it broke off, to where it ends or breaks off again.
    async fn write_output(&mut self) {
        let mut output = std::pin::pin!(self.engine.logs(&self.id, self.heard));
        while let Some(piece) = output.next().await {
            let piece = match piece {
                Ok(piece) => piece.into_bytes(),
                Err(error) => return tracing::debug!("following {}: {error}", self.log.display()),
            };
            self.heard = i32::try_from(unix_ms() / 1000).unwrap_or(i32::MAX);
            if let Err(error) = self.file.write_all(&piece) {
                tracing::error!("writing {}: {error}", self.log.display());
            }
        }
        // The output ends a moment before the container is known to have ended.
        self.engine.wait(&self.id).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{
        Router,
        extract::{Request, State},
        http::StatusCode,
    };
    use std::sync::Mutex;

    /// An engine with one container: what it answers of its state in turn, the last for ever, and what was asked for of its
    /// output. Its output is one line, then it breaks off.
    #[derive(Clone)]
    struct Fake(Arc<Mutex<(Vec<&'static str>, Vec<String>)>>);

    async fn answer(State(Fake(fake)): State<Fake>, request: Request) -> (StatusCode, Vec<u8>) {
        let mut fake = fake.lock().unwrap();
        if request.uri().path().ends_with("/logs") {
            fake.1.push(request.uri().query().unwrap_or_default().to_owned());
            // The engine's frame: stdout, and the length of what follows.
            let line = [&[1, 0, 0, 0, 0, 0, 0, 4][..], b"one\n"].concat();
            return (StatusCode::OK, if fake.1.len() == 1 { line } else { Vec::new() });
        }
        if !request.uri().path().ends_with("/json") {
            return (StatusCode::OK, br#"{"StatusCode":0}"#.to_vec());
        }
        let state = if fake.0.len() > 1 { fake.0.remove(0) } else { fake.0[0] };
        match state {
            "gone" => (StatusCode::INTERNAL_SERVER_ERROR, br#"{"message":"it is being ended"}"#.to_vec()),
            state => (StatusCode::OK, format!(r#"{{"State":{state}}}"#).into_bytes()),
        }
    }

    /// How a container ends, and how its output was asked for.
    async fn followed(states: &[&'static str], answer_within: Duration) -> (Ended, Vec<String>) {
        let fake = Fake(Arc::new(Mutex::new((states.to_vec(), Vec::new()))));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(fake.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let api = bollard::Docker::connect_with_http(&url, 5, bollard::API_DEFAULT_VERSION).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let file = File::create(&log).unwrap();
        let (engine, id) = (Engine::over(api), "x".to_owned());
        let ended = Following { engine, id, log: log.clone(), file, heard: 0, answer_within }.until_its_end().await;
        server.abort();
        assert_eq!(std::fs::read_to_string(log).unwrap(), "one\n");
        let asked = fake.0.lock().unwrap().1.clone();
        (ended, asked)
    }

    const RUNS: &str = r#"{"Running":true}"#;
    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn an_engine_that_went_away_is_no_fault_of_the_client() {
        let (ended, _) = followed(&["gone"], Duration::from_secs(1)).await;
        assert_eq!((ended.code, ended.signal), (None, None));
        let excuse = ended.excuse(Some("one"), None).unwrap();
        assert!(excuse.starts_with("the container engine did not answer: "), "{excuse}");
        // It came back, and had ended the container.
        let (ended, asked) = followed(&["gone", r#"{"Running":false,"ExitCode":0}"#], LONG).await;
        assert!(ended.code == Some(0) && ended.excuse(None, None).is_some(), "{ended:?}");
        // What was written meanwhile is asked for from when the last of it came.
        let since = |asked: &str| asked.split('&').find_map(|pair| pair.strip_prefix("since=")?.parse::<u64>().ok());
        let (first, again) = (since(&asked[0]).unwrap(), since(&asked[1]).unwrap());
        assert!(first == 0 && again > 0 && asked.len() == 2, "{asked:?}");
        // It came back, and the container had gone on: what becomes of it later is its own doing.
        let (ended, asked) = followed(&["gone", RUNS, r#"{"Running":false,"ExitCode":7}"#], LONG).await;
        assert!(ended.code == Some(7) && ended.excuse(Some("one"), None).is_none(), "{ended:?}");
        assert_eq!(since(&asked[2]).unwrap(), since(&asked[1]).unwrap(), "nothing came since");
    }

    #[test]
    fn who_ends_from_outside_is_excused_and_who_crashes_is_not() {
        let ended = |signal| Ended { code: None, signal: Some(signal), out_of_memory: false, unwatched: None };
        for outside in [libc::SIGKILL, libc::SIGTERM] {
            assert!(ended(outside).excuse(None, None).unwrap().contains("from outside"));
        }
        for own in [libc::SIGSEGV, libc::SIGABRT, libc::SIGBUS, libc::SIGILL] {
            assert_eq!(ended(own).excuse(Some("panicked"), None), None);
        }
        let exited = Ended { code: Some(1), signal: None, out_of_memory: false, unwatched: None };
        assert_eq!(exited.excuse(Some("panicked"), None), None);
        let last = "standard_init_linux.go:228: exec user process caused: exec format error";
        assert!(exited.excuse(Some(last), None).unwrap().contains("another architecture"));
        let memory = Ended { out_of_memory: true, ..ended(libc::SIGKILL) }.excuse(None, Some(8 << 20)).unwrap();
        assert!(memory.ends_with("may of 8 MiB"), "{memory}");
    }
}
