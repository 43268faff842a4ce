//! The output of a container on its way to a node's log: whole lines, each once, however often the connection breaks off.

use super::{
    board::Board,
    cluster::{AGAIN_AFTER, Cluster},
};
use crate::runtime::Error;
use futures::{AsyncBufReadExt, StreamExt};
use k8s_openapi::jiff::Timestamp;
use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

/// A container's log that is followed.
pub struct Following {
    cluster: Cluster,
    board: Board,
    pod: String,
    container: String,
    path: PathBuf,
    file: File,
    /// When its last line was written.
    last: Option<Timestamp>,
}

impl Following {
    /// Of a container, into a file.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn of(cluster: &Cluster, board: &Board, pod: &str, container: &str, path: &Path) -> Result<Self, Error> {
        let io = |source| Error::Io { doing: "writing", path: path.to_owned(), source };
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(io)?;
        let (cluster, board, path) = (cluster.clone(), board.clone(), path.to_owned());
        Ok(Self { cluster, board, pod: pod.to_owned(), container: container.to_owned(), path, file, last: None })
    }

    /// Follows it until the container has ended and all is written.
    pub async fn until_its_end(mut self) {
        loop {
            // what it had to say before it was known to have ended is read after that
            let ended = {
                let known = self.board.known();
                known.gone.contains(&self.pod)
                    || known.pods.get(&self.pod).is_some_and(|pod| pod.has_ended(&self.container))
            };
            let since = self.last.map(|last| last.to_string());
            match self.cluster.logs(&self.pod, &self.container, since.as_deref()).await {
                Ok(output) => {
                    let mut lines = Box::pin(output).lines();
                    while let Some(Ok(line)) = lines.next().await {
                        self.take_in(&line);
                    }
                }
                Err(refusal) => tracing::debug!("following {}: {refusal}", self.path.display()),
            }
            if ended {
                return;
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    fn take_in(&mut self, line: &str) {
        let Some((time, text)) = stamped(line).filter(|(time, _)| self.last.is_none_or(|last| *time > last)) else {
            return;
        };
        self.last = Some(time);
        if let Err(error) = self.file.write_all(format!("{text}\n").as_bytes()) {
            tracing::error!("writing {}: {error}", self.path.display());
        }
    }
}

/// A line's time and text.
fn stamped(line: &str) -> Option<(Timestamp, &str)> {
    let (time, text) = line.split_once(' ').unwrap_or((line, ""));
    Some((time.parse().ok()?, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_time_and_its_text() {
        let (first, text) = stamped("2026-11-22T03:34:02.1Z  level=info  x").unwrap();
        assert_eq!(text, " level=info  x");
        let (second, text) = stamped("2026-11-22T04:34:02.100000001+01:00 ").unwrap();
        assert_eq!(text, "");
        assert!(second > first);
        assert!(stamped("unable to retrieve container logs").is_none());
    }
}
