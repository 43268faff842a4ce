//! What a command that is run in a pod does: reads one line from stdin, does what it asks, answers by a line on stdout.

use super::{
    message::{Answer, Ask, Genesis, Order},
    socket,
};
use crate::{genesis::QuickStart, runtime::disk_use, ssz::Ssz};
use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

/// How long a supervisor may take to come up: its container was started when its pod was.
const UP_WITHIN: Duration = Duration::from_secs(10);

/// Answers one question, by supervisors with sockets in that folder; `false` if nobody could be answered.
pub fn answer(shared: &Path) -> bool {
    let mut stdin = BufReader::new(io::stdin().lock());
    let mut line = String::new();
    let asked = stdin.read_line(&mut line).map_err(|error| error.to_string());
    let asked = asked.and_then(|_| serde_json::from_str(&line).map_err(|error| format!("no question: {error}")));
    let answer = asked.and_then(|ask| match ask {
        Ask::Here => Ok(Answer::Done),
        Ask::Put(bytes) => told(put(&mut stdin, bytes)).map(|()| Answer::Done),
        Ask::Empty(folder) => told(empty(&folder)).map(|()| Answer::Done),
        Ask::Genesis(genesis) => make(&genesis).map(Answer::Root),
        Ask::Usage(folder) => Ok(Answer::Bytes(disk_use(&folder))),
        Ask::To(role, order) => told(pass_on(shared, &role, &order)),
        Ask::Watch(roles) => told(watch(shared, &roles)).map(|()| Answer::Done),
    });
    say(&answer.unwrap_or_else(Answer::Failed)).is_ok()
}

fn told<T>(done: io::Result<T>) -> Result<T, String> {
    done.map_err(|error| error.to_string())
}

fn say(answer: &Answer) -> io::Result<()> {
    let line = serde_json::to_string(answer).map_err(io::Error::other)?;
    let mut out = io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes())?;
    out.flush()
}

/// Unpacks so many bytes of an archive from the root on.
fn put(from: impl Read, bytes: u64) -> io::Result<()> {
    let mut archive = tar::Archive::new(from.take(bytes));
    archive.set_preserve_permissions(true);
    archive.set_preserve_ownerships(false);
    for entry in archive.entries()? {
        let mut entry = entry?;
        // a folder that is there may be the cluster's own, with permissions of its own
        if !(entry.header().entry_type().is_dir() && Path::new("/").join(entry.path()?).is_dir()) {
            entry.unpack_in("/")?;
        }
    }
    Ok(())
}

fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() { fs::remove_dir_all(entry.path())? } else { fs::remove_file(entry.path())? }
    }
    Ok(())
}

/// Makes a genesis state and writes it; its root.
fn make(genesis: &Genesis) -> Result<String, String> {
    let Genesis { config, plan, time, path } = genesis;
    let validators = QuickStart::new(config, plan.fork, plan.validators).map_err(|error| error.to_string())?;
    let state = validators.state(plan.convention, *time).map_err(|error| error.to_string())?;
    let shape = config.shape(plan.fork);
    told(fs::write(path, state.encode(shape)))?;
    Ok(state.hash_tree_root(shape).to_string())
}

/// Connects to a role's supervisor and gives it an order.
fn order(shared: &Path, role: &str, order: &Order) -> io::Result<BufReader<UnixStream>> {
    let end = Instant::now() + UP_WITHIN;
    let mut stream = loop {
        match UnixStream::connect(socket(shared, role)) {
            Ok(stream) => break stream,
            Err(error) if Instant::now() > end => {
                return Err(io::Error::new(error.kind(), format!("the supervisor of `{role}` is not there: {error}")));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    let line = serde_json::to_string(order).map_err(io::Error::other)?;
    stream.write_all(format!("{line}\n").as_bytes())?;
    Ok(BufReader::new(stream))
}

fn pass_on(shared: &Path, role: &str, what: &Order) -> io::Result<Answer> {
    let mut line = String::new();
    order(shared, role, what)?.read_line(&mut line)?;
    if line.is_empty() {
        return Err(io::Error::other(format!("the supervisor of `{role}` is gone")));
    }
    serde_json::from_str(&line).map_err(io::Error::other)
}

/// Passes on what all supervisors tell, until one is gone or nobody listens: whoever listens begins again then.
fn watch(shared: &Path, roles: &[String]) -> io::Result<()> {
    let (sender, ended) = std::sync::mpsc::channel();
    for role in roles {
        let (sender, shared, role) = (sender.clone(), shared.to_owned(), role.clone());
        std::thread::spawn(move || drop(sender.send(pass_on_all(&shared, &role))));
    }
    // the others end with this command
    ended.recv().unwrap_or(Ok(()))
}

fn pass_on_all(shared: &Path, role: &str) -> io::Result<()> {
    for line in order(shared, role, &Order::Watch)?.lines() {
        say(&serde_json::from_str(&line?).map_err(io::Error::other)?)?;
    }
    Err(io::Error::other(format!("the supervisor of `{role}` is gone")))
}
