//! What a person sees while a matrix is run: a line for each run that goes on and a bar for all of them on a terminal,
//! a plain line for each run that is over elsewhere.

use crate::{
    journal::{self, Line},
    matrix::{Job, News, RunRecord},
};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{IsTerminal, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Between two looks into the journals of the runs that go on.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// So much of a journal's end is read.
const TAIL: u64 = 16 * 1024;

/// Shows progress on stderr.
pub(super) struct Progress {
    folder: PathBuf,
    bars: Option<Bars>,
    quiet: bool,
    over: usize,
    all: usize,
    looked: Instant,
}

struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    running: BTreeMap<String, ProgressBar>,
}

impl Progress {
    /// Of `all` runs in the matrix's folder: bars where stderr is a terminal, lines where it is not, nothing when `quiet`.
    pub(super) fn new(folder: &Path, all: usize, quiet: bool) -> Self {
        let bars = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bars = MultiProgress::new();
            let style = ProgressStyle::with_template("[{bar:30}] {pos} of {len} runs, {elapsed}");
            let total = bars.add(ProgressBar::new(all as u64));
            total.set_style(style.expect("the template is a constant with known keys").progress_chars("=> "));
            Bars { all: bars, total, running: BTreeMap::new() }
        });
        Self { folder: folder.to_owned(), bars, quiet, over: 0, all, looked: Instant::now() }
    }

    /// Takes in what happened.
    pub(super) fn take_in(&mut self, news: &News<'_>) {
        match news {
            News::Began(job, alone) => self.begin(job, *alone),
            News::Tick => self.look(),
            News::Over(job, record) => self.end(job, record),
            News::Starved(job, pace) => {
                self.take_down(job);
                self.say(&format!("{}: {pace}; it is run again at the end, alone", name(job)));
            }
        }
    }

    /// Takes the bars away.
    pub(super) fn finish(&mut self) {
        if let Some(bars) = self.bars.take() {
            bars.total.finish_and_clear();
        }
    }

    fn begin(&mut self, job: &Job, alone: bool) {
        let Some(bars) = &mut self.bars else { return };
        let style = ProgressStyle::with_template("{spinner} {prefix}  {msg}");
        let bar = bars.all.insert_before(&bars.total, ProgressBar::new_spinner());
        bar.set_style(style.expect("the template is a constant with known keys"));
        bar.set_prefix(if alone { format!("{}, alone", name(job)) } else { name(job) });
        bars.running.insert(job.folder.clone(), bar);
    }

    fn end(&mut self, job: &Job, record: &RunRecord) {
        self.take_down(job);
        self.over += 1;
        let seconds = record.wall_ms / 1000;
        let (over, all, verdict) = (self.over, self.all, record.verdict);
        self.say(&format!("[{over}/{all}] {verdict}  {} ({seconds} s): {}", name(job), record.says));
        if let Some(bars) = &self.bars {
            bars.total.inc(1);
        }
    }

    fn take_down(&mut self, job: &Job) {
        if let Some(bar) = self.bars.as_mut().and_then(|bars| bars.running.remove(&job.folder)) {
            bar.finish_and_clear();
        }
    }

    fn say(&self, text: &str) {
        match &self.bars {
            // a terminal that is gone is no reason to end a matrix
            Some(bars) => drop(bars.all.println(text)),
            None if self.quiet => {}
            None => drop(writeln!(std::io::stderr(), "{text}")),
        }
    }

    /// Shows how far the runs have come.
    fn look(&mut self) {
        let Some(bars) = &self.bars else { return };
        bars.total.tick();
        if self.looked.elapsed() < LOOK_EVERY {
            return;
        }
        self.looked = Instant::now();
        for (folder, bar) in &bars.running {
            if let Some(line) = last_line(&self.folder.join(folder).join("journal.jsonl")) {
                bar.set_message(line.slot.map_or("before genesis".to_owned(), |slot| format!("slot {slot}")));
            }
            bar.tick();
        }
    }
}

fn name(job: &Job) -> String {
    let title = job.cell.title();
    if job.folder == job.cell.folder { title } else { format!("{title}, run {}", job.run) }
}

/// The last whole line of a journal that is being written.
fn last_line(path: &Path) -> Option<Line> {
    let mut file = File::open(path).ok()?;
    let from = file.metadata().ok()?.len().saturating_sub(TAIL);
    file.seek(SeekFrom::Start(from)).ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let whole = &text[..text.rfind('\n')?];
    let last = whole.rfind('\n').map_or(whole, |before| &whole[before + 1..]);
    journal::parse(&format!("{last}\n")).ok()?.lines.pop()
}
