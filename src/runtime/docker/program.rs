//! A program that runs in a container: its output goes to the node's log as it comes, and its end is known when the log
//! is whole.

use super::engine::Engine;
use crate::{client::Signal, runtime::Error};
use futures::StreamExt;
use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, task::JoinHandle};

/// Between two attempts to follow a container's output that broke off.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

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
        let following = Following { engine: engine.clone(), id: id.clone(), log: log.to_owned(), file };
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
}

impl Following {
    async fn until_its_end(mut self) -> Ended {
        let mut since = 0;
        loop {
            self.write_output(since).await;
            match self.engine.state(&self.id).await {
                Ok(Some(state)) if !state.running.unwrap_or(false) => {
                    let code = state.exit_code.unwrap_or(-1) as i32;
                    let out_of_memory = state.oom_killed.unwrap_or(false);
                    // The engine's way to say it, as shells do.
                    let signal = Some(code - 128).filter(|signal| (1..=64).contains(signal));
                    return Ended { code: signal.is_none().then_some(code), signal, out_of_memory };
                }
                // Somebody removed it.
                Ok(None) => return Ended { code: None, signal: Some(libc::SIGKILL), out_of_memory: false },
                // It runs, or the engine does not answer: its output broke off.
                Ok(Some(_)) | Err(_) => {
                    since = (crate::runtime::node::unix_ms() / 1000) as i32;
                    tokio::time::sleep(AGAIN_AFTER).await;
                }
            }
        }
    }

    async fn write_output(&mut self, since: i32) {
        let mut output = std::pin::pin!(self.engine.logs(&self.id, since));
        while let Some(piece) = output.next().await {
            let piece = match piece {
                Ok(piece) => piece.into_bytes(),
                Err(error) => return tracing::debug!("following {}: {error}", self.log.display()),
            };
            if let Err(error) = self.file.write_all(&piece) {
                tracing::error!("writing {}: {error}", self.log.display());
            }
        }
        // The output ends a moment before the container is known to have ended.
        self.engine.wait(&self.id).await;
    }
}
