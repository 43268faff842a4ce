//! The container engine: where it listens, and how it is spoken to.

use bollard::Docker;
use std::{
    fmt, io,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

/// A container engine that answers.
pub struct Engine {
    /// Speaks with it, in a version that both know.
    pub docker: Docker,
    /// Where it was found, as `DOCKER_HOST` would name it.
    pub at: String,
}

/// No container engine answers.
#[derive(Debug, thiserror::Error)]
pub struct NoEngine {
    /// Where one was looked for, and what came of it.
    pub tried: Vec<(String, String)>,
    advice: &'static str,
}

impl NoEngine {
    /// Where one was looked for, and what came of it, in words.
    pub fn places(&self) -> String {
        self.tried.iter().map(|(at, why)| format!("{at}: {why}")).collect::<Vec<_>>().join("; ")
    }

    /// What to do.
    pub fn advice(&self) -> &'static str {
        self.advice
    }
}

impl fmt::Display for NoEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no container engine answers ({}); {}", self.places(), self.advice)
    }
}

/// Speaks with the container engine that `DOCKER_HOST` names, else with the first that answers where Docker and Podman
/// listen: of the system, then of the user.
///
/// # Errors
/// None answers.
pub async fn connect() -> Result<Docker, NoEngine> {
    find().await.map(|engine| engine.docker)
}

/// As [`connect`], and says where.
///
/// # Errors
/// None answers.
pub async fn find() -> Result<Engine, NoEngine> {
    if let Some(at) = std::env::var("DOCKER_HOST").ok().filter(|at| !at.is_empty()) {
        let advice = "that is where DOCKER_HOST points: start the engine there, or unset it";
        return match speak(&at).await {
            Ok(docker) => Ok(Engine { docker, at }),
            Err(why) => Err(NoEngine { tried: vec![(at, why)], advice }),
        };
    }
    let mut tried = Vec::new();
    let mut advice = "start one (systemctl start docker), or set DOCKER_HOST";
    for socket in sockets() {
        let at = format!("unix://{}", socket.display());
        let why = match reachable(&socket) {
            Ok(()) => match speak(&at).await {
                Ok(docker) => return Ok(Engine { docker, at }),
                Err(why) => why,
            },
            Err(error) => {
                if error.kind() == io::ErrorKind::PermissionDenied {
                    advice = "let your user speak with it: sudo usermod -aG docker $USER, then log in again";
                }
                in_words(&error)
            }
        };
        tried.push((at, why));
    }
    Err(NoEngine { tried, advice })
}

fn sockets() -> Vec<PathBuf> {
    let mut sockets = vec![PathBuf::from("/var/run/docker.sock"), PathBuf::from("/run/podman/podman.sock")];
    if let Some(folder) = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from) {
        sockets.extend([folder.join("docker.sock"), folder.join("podman/podman.sock")]);
    }
    if let Some(home) = std::env::var_os("HOME").map(PathBuf::from) {
        sockets.push(home.join(".docker/run/docker.sock"));
    }
    sockets
}

/// Whether something listens there, and may be spoken to: the system says it more plainly than the library.
fn reachable(socket: &Path) -> io::Result<()> {
    UnixStream::connect(socket).map(drop)
}

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "not there".to_owned(),
        io::ErrorKind::PermissionDenied => "your user may not open it".to_owned(),
        io::ErrorKind::ConnectionRefused => "nobody listens there".to_owned(),
        _ => error.to_string(),
    }
}

async fn speak(at: &str) -> Result<Docker, String> {
    let docker = Docker::connect_with_host(at).map_err(|error| deepest(&error))?;
    docker.negotiate_version().await.map_err(|error| deepest(&error))
}

/// The last cause of an error: what the system said.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
