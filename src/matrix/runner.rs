//! Runs the jobs of a matrix: each a child process `lockin run` with a folder of its own, as many at once as the machine
//! bears. A job that fails, crashes or hangs is a record like any other and stops nobody.
//!
//! A child dies with this process, and its nodes with it. Must be used on the thread that lives to the end of the
//! program: the kernel ends children with the thread that started them.

use super::pace::unix_ms;
use super::{Cell, Error, Folder, Identity, Metronome, Pace, RunRecord};
use crate::journal::{self, Event, RunDir, Verdict};
use crate::report::exit;
use crate::runtime::process::Program;
use std::collections::{BTreeMap, VecDeque};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Between two looks at the children.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long a child that is told to end may take, to end its nodes and to write its report.
const LAST_WORDS: Duration = Duration::from_secs(30);
/// What a child says on stdout and stderr, in the run's folder.
const OUTPUT: &str = "lockin.log";

/// One run to be made.
#[derive(Clone, Debug)]
pub struct Job {
    /// Of which cell.
    pub cell: Cell,
    /// Which of its runs, from 1.
    pub run: u32,
    /// Its folder in that of the matrix.
    pub folder: String,
    /// What is run.
    pub identity: Identity,
    /// The arguments of the program, but for `--out`.
    pub args: Vec<String>,
    /// Thousandths of a processor core that it keeps busy.
    pub weight: u32,
    /// Length of its slots, milliseconds.
    pub slot_ms: u64,
}

/// How many jobs at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// So many.
    Jobs(usize),
    /// As many as weigh so much together, in thousandths of a core; one in any case.
    Cores(u32),
}

/// What happens while jobs are run, for whoever shows it.
pub enum News<'a> {
    /// A job was started; `alone` because the machine was too busy for it before.
    Began(&'a Job, bool),
    /// Some time has passed.
    Tick,
    /// A job is over.
    Over(&'a Job, &'a RunRecord),
    /// A job is over and does not count: the machine was too busy. It is run again at the end, alone.
    Starved(&'a Job, &'a str),
}

/// Runs jobs.
pub struct Runner<'a> {
    /// Where.
    pub folder: &'a Folder,
    /// This program.
    pub program: PathBuf,
    /// How many at once.
    pub capacity: Capacity,
    /// A run that takes longer is ended.
    pub limit: Duration,
    /// Whether each run is left alone until it has its places: where a scheduler gives them, two runs that have half of
    /// theirs would wait for each other.
    pub one_by_one: bool,
    /// Measures whether the machine keeps up; none in virtual time, which no machine is too slow for.
    pub metronome: Option<Metronome>,
}

/// A job that runs.
struct Running {
    job: Job,
    program: Program,
    command: Vec<String>,
    since: Instant,
    since_unix_ms: u64,
    /// All its nodes have their places.
    placed: bool,
    /// Set when it was told to end because it took too long.
    overdue: bool,
}

impl Running {
    /// Whether its journal says that all nodes have their places.
    fn is_placed(&mut self, folder: &Path) -> bool {
        self.placed = self.placed || {
            let journal = journal::read(&RunDir::existing(folder.join(&self.job.folder)).journal());
            journal.is_ok_and(|journal| journal.lines.iter().any(|line| matches!(line.event, Event::Placed { .. })))
        };
        self.placed
    }

    /// How it ended; `None` while it runs. One that takes longer than `limit` is told to end, and then made to.
    fn ended(&mut self, limit: Duration) -> Option<ExitStatus> {
        let took = self.since.elapsed();
        if !self.overdue && took > limit {
            self.program.signal(libc::SIGTERM);
            self.overdue = true;
        } else if took > limit + LAST_WORDS {
            self.program.signal(libc::SIGKILL);
        }
        self.program.ended()
    }
}

impl Runner<'_> {
    /// Runs all jobs, or as many as there is time for until `interrupt` gets a name. Those that were starved are run
    /// again at the end, one at a time. Every job that is over has its record in its folder, and in `news`.
    ///
    /// # Errors
    /// The folder can't be written, or no child be started: nothing that another job would not meet, too.
    pub async fn run(
        &self,
        jobs: Vec<Job>,
        interrupt: &mut watch::Receiver<Option<&'static str>>,
        news: &mut dyn FnMut(News<'_>),
    ) -> Result<(), Error> {
        let starved = self.run_queue(jobs.into(), self.capacity, &BTreeMap::new(), interrupt, news).await?;
        let again: VecDeque<Job> = starved.iter().map(|(job, _)| job.clone()).collect();
        let before: BTreeMap<String, String> =
            starved.into_iter().map(|(job, pace)| (job.folder, pace.to_string())).collect();
        self.run_queue(again, Capacity::Jobs(1), &before, interrupt, news).await.map(drop)
    }

    /// Runs these jobs; gives those that were starved. With `before`, how they were starved once, they are not put off
    /// again: what was starved even alone is `unknown`.
    async fn run_queue(
        &self,
        mut queue: VecDeque<Job>,
        capacity: Capacity,
        before: &BTreeMap<String, String>,
        interrupt: &mut watch::Receiver<Option<&'static str>>,
        news: &mut dyn FnMut(News<'_>),
    ) -> Result<Vec<(Job, Pace)>, Error> {
        let (mut running, mut starved): (Vec<Running>, Vec<(Job, Pace)>) = (Vec::new(), Vec::new());
        while !(queue.is_empty() && running.is_empty()) {
            if interrupt.borrow().is_some() {
                give_up(running).await;
                return Ok(Vec::new());
            }
            while !(self.one_by_one && running.iter_mut().any(|it| !it.is_placed(self.folder.path())))
                && let Some(job) = next(&mut queue, &running, capacity)
            {
                news(News::Began(&job, before.contains_key(&job.folder)));
                running.push(self.start(job)?);
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                Ok(()) = interrupt.changed() => {}
            }
            // a child that the same Ctrl-C has ended says nothing of its network
            if interrupt.borrow().is_some() {
                continue;
            }
            let mut place = 0;
            while place < running.len() {
                let Some(status) = running[place].ended(self.limit) else {
                    place += 1;
                    continue;
                };
                let it = running.swap_remove(place);
                starved.extend(self.settle(it, status, before, news)?);
            }
            news(News::Tick);
        }
        Ok(starved)
    }

    /// Makes the record of a child that has ended, and keeps it; or puts the run aside and gives it back if it was starved
    /// and was not before.
    fn settle(
        &self,
        it: Running,
        status: ExitStatus,
        before: &BTreeMap<String, String>,
        news: &mut dyn FnMut(News<'_>),
    ) -> Result<Option<(Job, Pace)>, Error> {
        let mut record = self.record(&it, status);
        let job = it.job;
        record.starved_before = before.get(&job.folder).cloned();
        let busy = record.pace.clone().filter(|pace| pace.is_starved() && may_be_starvation(&record));
        if let Some(pace) = busy {
            if record.starved_before.is_none() {
                news(News::Starved(&job, &pace.to_string()));
                self.folder.set_aside(&job.folder)?;
                return Ok(Some((job, pace)));
            }
            record.says = format!("the machine was too busy, even with nothing beside it: {pace}; {}", record.says);
            record.verdict = Verdict::Unknown;
        }
        self.folder.keep(&job.folder, &job.cell.title(), &record)?;
        news(News::Over(&job, &record));
        Ok(None)
    }

    fn start(&self, job: Job) -> Result<Running, Error> {
        let folder = self.folder.clear(&job.folder)?;
        let mut command = vec![self.program.display().to_string()];
        command.extend(job.args.iter().cloned());
        command.extend(["--out".to_owned(), folder.display().to_string()]);
        let here =
            std::env::current_dir().map_err(|source| Error::Io { doing: "finding", path: ".".into(), source })?;
        let since = (Instant::now(), unix_ms());
        let program = Program::start(&command, &BTreeMap::new(), &here, &folder.join(OUTPUT))
            .map_err(|source| Error::Io { doing: "starting", path: self.program.clone(), source })?;
        Ok(Running { job, program, command, since: since.0, since_unix_ms: since.1, placed: false, overdue: false })
    }

    /// What came of a child that has ended.
    fn record(&self, it: &Running, status: ExitStatus) -> RunRecord {
        let folder = self.folder.path().join(&it.job.folder);
        let (identity, command) = (it.job.identity.clone(), it.command.clone());
        let file = RunDir::existing(&folder).journal();
        let mut record = match file.exists().then(|| journal::read(&file)) {
            Some(Ok(journal)) => {
                let mut record = RunRecord::of(identity, command, &journal, &folder);
                let samples = self.metronome.as_ref().map(|metronome| metronome.since(it.since_unix_ms));
                record.pace = samples.and_then(|samples| Pace::of(&journal, it.job.slot_ms, &samples));
                record
            }
            Some(Err(error)) => RunRecord::without_run(identity, command, Verdict::Unknown, error.to_string()),
            None => {
                let unsupported = status.code() == Some(i32::from(exit::UNSUPPORTED));
                let verdict = if unsupported { Verdict::Unsupported } else { Verdict::Unknown };
                RunRecord::without_run(identity, command, verdict, last_words(&folder, status))
            }
        };
        record.wall_ms = it.since.elapsed().as_millis() as u64;
        record.output = Some(OUTPUT.to_owned());
        if it.overdue {
            record.verdict = Verdict::Unknown;
            record.says = format!("it took longer than {} s and was ended; {}", self.limit.as_secs(), record.says);
        }
        record
    }
}

/// Takes the first job of the queue that there is room for.
fn next(queue: &mut VecDeque<Job>, running: &[Running], capacity: Capacity) -> Option<Job> {
    let room = |job: &Job| match capacity {
        _ if running.is_empty() => true,
        Capacity::Jobs(most) => running.len() < most,
        Capacity::Cores(all) => running.iter().map(|it| it.job.weight).sum::<u32>().saturating_add(job.weight) <= all,
    };
    let place = queue.iter().position(room)?;
    queue.remove(place)
}

/// Whether a run's verdict may come of a busy machine. A run that passed did so in spite of it; another configuration
/// and a block against the rules are none of the machine's doing.
fn may_be_starvation(record: &RunRecord) -> bool {
    let seen = |check: &str| record.failed().any(|failed| failed.check == check);
    match record.verdict {
        Verdict::Fail => !seen("preflight") && !seen("referee"),
        Verdict::Unknown => true,
        Verdict::Pass | Verdict::KnownFailure | Verdict::Unsupported => false,
    }
}

/// Tells all children to end, and waits for what they write then.
async fn give_up(mut running: Vec<Running>) {
    for it in &running {
        it.program.signal(libc::SIGTERM);
    }
    let until = Instant::now() + LAST_WORDS;
    for it in &mut running {
        it.program.wait(until.saturating_duration_since(Instant::now())).await;
    }
}

/// Why a child never came to have a journal, in its own words.
fn last_words(folder: &Path, status: ExitStatus) -> String {
    let said = std::fs::read_to_string(folder.join(OUTPUT)).unwrap_or_default();
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let error = lines().rev().find_map(|line| line.strip_prefix("error: ")).or_else(|| lines().next_back());
    let ended = match (status.code(), status.signal()) {
        (Some(code), _) => format!("`lockin run` ended with {code}"),
        (None, signal) => format!("`lockin run` was ended by signal {}", signal.unwrap_or(0)),
    };
    error.map_or(ended, |error| error.strip_prefix("unsupported: ").unwrap_or(error).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str, weight: u32) -> Job {
        let cell = Cell { folder: name.into(), cast: vec![name.into()], value: None };
        let identity = Identity::of("", "", "");
        Job { cell, run: 1, folder: name.into(), identity, args: Vec::new(), weight, slot_ms: 1000 }
    }

    #[test]
    fn the_first_with_room_is_next_and_one_always_has_room() {
        let mut queue: VecDeque<Job> = [job("big", 9_000), job("small", 500)].into();
        assert_eq!(next(&mut queue, &[], Capacity::Cores(2_000)).unwrap().folder, "big");
        assert_eq!(next(&mut queue, &[], Capacity::Jobs(1)).unwrap().folder, "small");
        assert!(next(&mut queue, &[], Capacity::Jobs(1)).is_none());
    }

    #[test]
    fn only_what_a_busy_machine_may_do_is_put_down_to_it() {
        let record = |verdict, failed: &[&str]| {
            let mut record = RunRecord::without_run(Identity::of("", "", ""), Vec::new(), verdict, String::new());
            let check = |name: &&str| crate::report::CheckReport {
                check: (*name).into(),
                verdict: Verdict::Fail,
                says: String::new(),
            };
            record.checks = failed.iter().map(check).collect();
            record
        };
        assert!(may_be_starvation(&record(Verdict::Fail, &["steps", "finalized"])));
        assert!(may_be_starvation(&record(Verdict::Fail, &["stalled"])), "what never reached a node, it can't take");
        assert!(may_be_starvation(&record(Verdict::Unknown, &[])));
        assert!(!may_be_starvation(&record(Verdict::Fail, &["preflight", "steps"])));
        assert!(!may_be_starvation(&record(Verdict::Fail, &["referee"])));
        assert!(!may_be_starvation(&record(Verdict::Pass, &[])));
    }
}
