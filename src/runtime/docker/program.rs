//! A program that runs in a container: its output goes to the node's log as it comes, and its end is known when the log
//! is whole.

use super::engine::Engine;
use crate::{client::Signal, runtime::Error};
use futures::StreamExt;
use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{sync::watch, task::JoinHandle};

/// Between two attempts to follow a container's output that broke off.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

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
    follower: JoinHandle<()>,
}

impl Program {
    /// Follows a container that was started; its output is appended to `log`.
    pub fn follow(engine: &Engine, id: String, log: &Path) -> Result<Self, Error> {
        let io = |source| Error::Io { doing: "writing", path: log.to_owned(), source };
        let file = OpenOptions::new().create(true).append(true).open(log).map_err(io)?;
        let (sender, ended) = watch::channel(None);
        let following = Following { engine: engine.clone(), id: id.clone(), log: log.to_owned(), file };
        let follower = tokio::spawn(async move {
            let end = following.to_its_end().await;
            let _ = sender.send(Some(end));
        });
        Ok(Self { id, engine: engine.clone(), ended, follower })
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
        self.follower.abort();
    }
}

struct Following {
    engine: Engine,
    id: String,
    log: PathBuf,
    file: File,
}

impl Following {
    async fn to_its_end(mut self) -> Ended {
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
