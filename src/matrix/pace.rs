//! Whether the machine kept up while a run went on: a *reference duty*, done twice a second by a thread of our own.
//!
//! The duty is 10 ms of processor time, about what a validator needs to sign a block. How many times longer it takes
//! from the moment it is due until it is done is the *stretch*: 1 on an idle machine, 2 where every core is wanted by two.
//! What competes for the processor with lower priority does not count, as it does not for the nodes. A slot is starved if
//! the stretch in it is [`TOO_SLOW`] or more; a run is, if that is so of one slot in ten, and of two at least.
//!
//! Beside it stands what the duties of the network itself came to: how many slots had their block late, or none. That
//! alone starves no run: a client may be slow on an idle machine.

use crate::journal::{Event, History, Journal};
use crate::ssz::sha256;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// Between two reference duties.
const EVERY: Duration = Duration::from_millis(500);
/// Processor time of one.
const DUTY: Duration = Duration::from_millis(10);
/// From this stretch on a slot is starved.
pub const TOO_SLOW: f64 = 3.0;
/// One slot in so many starves a run.
const ONE_IN: u64 = 10;
/// And so many slots at least.
const AT_LEAST: u64 = 2;

/// One reference duty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// When it was due, unix milliseconds.
    pub at_ms: u64,
    /// How many times longer it took than the processor time in it.
    pub stretch: f64,
}

/// The thread that does reference duties, until it is dropped.
pub struct Metronome {
    samples: Arc<Mutex<Vec<Sample>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Metronome {
    /// Starts it.
    ///
    /// # Errors
    /// No thread could be started.
    pub fn start() -> std::io::Result<Metronome> {
        let (samples, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (theirs, stopped) = (Arc::clone(&samples), Arc::clone(&stop));
        let thread = std::thread::Builder::new().name("metronome".into()).spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let sample = duty();
                theirs.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
            }
        })?;
        Ok(Metronome { samples, stop, thread: Some(thread) })
    }

    /// What was measured so far from a moment on, unix milliseconds.
    pub fn since(&self, from_ms: u64) -> Vec<Sample> {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        samples.iter().copied().filter(|sample| sample.at_ms >= from_ms).collect()
    }
}

impl Drop for Metronome {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // a panic of the thread was told by itself
            let _ = thread.join();
        }
    }
}

/// Waits until the next duty is due and does it.
fn duty() -> Sample {
    let due = Instant::now() + EVERY;
    let at_ms = unix_ms() + EVERY.as_millis() as u64;
    std::thread::sleep(EVERY);
    let begun = processor_time();
    let mut worked = Duration::ZERO;
    let block = [0u8; 16 * 1024];
    while worked < DUTY {
        black_box(sha256(black_box(&block)));
        worked = processor_time().saturating_sub(begun);
    }
    Sample { at_ms, stretch: due.elapsed().as_secs_f64() / worked.as_secs_f64().max(f64::EPSILON) }
}

/// Unix milliseconds now.
pub(super) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// The processor time of this thread.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec of ours; the clock exists wherever threads do, and if not nothing is written.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// How the machine kept up during a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// Slots in which the reference duty was measured.
    pub slots: u64,
    /// Those among them that were starved.
    pub starved: u64,
    /// The mean stretch of all slots, in hundredths.
    pub mean: f64,
    /// That of the worst slot, in hundredths.
    pub worst: f64,
    /// Slots whose block was first seen in their second half, or later: it was published too late for its votes.
    pub late_blocks: u64,
    /// Slots without a block.
    pub no_blocks: u64,
}

impl Pace {
    /// The pace of a run, from its journal and the samples taken meanwhile. Of one that did not come to genesis all samples
    /// count: a busy machine may be why. `None` in virtual time.
    pub fn of(journal: &Journal, slot_ms: u64, samples: &[Sample]) -> Option<Pace> {
        let genesis = journal.lines.iter().rev().find_map(|line| match &line.event {
            Event::Genesis { time, .. } => Some(time.map(|time| time.saturating_mul(1000))),
            _ => None,
        });
        let from = match genesis {
            Some(at) => at?,
            None => samples.first()?.at_ms,
        };
        let history = History::of(&journal.lines);
        let slot_ms = slot_ms.max(1);
        let (late_blocks, no_blocks) = blocks(journal, &history, slot_ms);
        let mut by_slot: BTreeMap<u64, (f64, u64)> = BTreeMap::new();
        for sample in samples {
            let slot = sample.at_ms.checked_sub(from).map(|since| since / slot_ms);
            if let Some(slot) = slot.filter(|slot| genesis.is_none() || Some(*slot) <= history.slot) {
                let (sum, count) = by_slot.entry(slot).or_default();
                *sum += sample.stretch;
                *count += 1;
            }
        }
        let means: Vec<f64> = by_slot.values().map(|(sum, count)| sum / (*count).max(1) as f64).collect();
        let slots = means.len() as u64;
        Some(Pace {
            slots,
            starved: means.iter().filter(|mean| **mean >= TOO_SLOW).count() as u64,
            mean: hundredths(means.iter().sum::<f64>() / slots.max(1) as f64),
            worst: hundredths(means.iter().copied().fold(0.0, f64::max)),
            late_blocks,
            no_blocks,
        })
    }

    /// Whether the machine was too busy for the run to count.
    pub fn is_starved(&self) -> bool {
        self.starved >= AT_LEAST && self.starved * ONE_IN >= self.slots
    }
}

impl std::fmt::Display for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} of {} slots starved of processor time (a duty took {} times its time, {} in the worst slot); {} blocks late, \
             {} slots without one",
            self.starved, self.slots, self.mean, self.worst, self.late_blocks, self.no_blocks
        )
    }
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Slots whose block was late, and slots without one. A block that is there when its votes are due, a third into the
/// slot, is seen by the look in the slot's middle at the latest. The slots at the very end are left out.
fn blocks(journal: &Journal, history: &History, slot_ms: u64) -> (u64, u64) {
    let mut seen: BTreeMap<u64, u64> = BTreeMap::new();
    let mut genesis: Option<u64> = None;
    for line in &journal.lines {
        if let Some(began) = line.slot.and_then(|slot| line.at_ms.checked_sub(slot.checked_mul(slot_ms)?)) {
            genesis = Some(genesis.map_or(began, |known| known.min(began)));
        }
        if let Event::Head { head_slot, .. } = &line.event {
            seen.entry(*head_slot).or_insert(line.at_ms);
        }
    }
    let (Some(genesis), Some(last)) = (genesis, history.slot) else { return (0, 0) };
    let whole = 1..last;
    let late = whole.clone().filter_map(|slot| seen.get(&slot).map(|at| (slot, *at)));
    let late = late.filter(|(slot, at)| at.saturating_sub(genesis + slot * slot_ms) > slot_ms / 2).count() as u64;
    (late, whole.filter(|slot| !seen.contains_key(slot)).count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Line;

    const SLOT_MS: u64 = 2_000;
    const GENESIS: u64 = 1_800_000_000;

    /// Heads in slots 1 to `last`, `after` milliseconds into the slot; those of `without` are left out.
    fn journal(last: u64, after: impl Fn(u64) -> u64, without: &[u64]) -> Journal {
        let genesis = Event::Genesis { time: Some(GENESIS), root: "0x".into(), validators_root: "0x".into() };
        let mut lines = vec![Line::new(5_000, Some(0), genesis)];
        for slot in (1..=last).filter(|slot| !without.contains(slot)) {
            let head = Event::Head {
                node: "a0".into(),
                head_slot: slot,
                block: format!("0x{slot}"),
                state: "0x".into(),
                proposer: None,
                justified: 0,
                finalized: 0,
            };
            let at_ms = 5_000 + slot * SLOT_MS + after(slot);
            lines.push(Line::new(at_ms, Some(slot + after(slot) / SLOT_MS), head));
        }
        Journal { lines, torn: None }
    }

    fn samples(slots: u64, stretch: impl Fn(u64) -> f64) -> Vec<Sample> {
        let at = |n: u64| GENESIS * 1000 + n * 500;
        (0..slots * 4).map(|n| Sample { at_ms: at(n), stretch: stretch(n / 4) }).collect()
    }

    #[test]
    fn one_slot_in_ten_starves_a_run() {
        let journal = journal(40, |_| 500, &[]);
        let pace = |busy: u64| {
            let samples = samples(41, |slot| if slot < busy { 3.5 } else { 1.25 });
            Pace::of(&journal, SLOT_MS, &samples).unwrap()
        };
        assert_eq!(pace(4), Pace { slots: 41, starved: 4, mean: 1.47, worst: 3.5, late_blocks: 0, no_blocks: 0 });
        assert!(!pace(4).is_starved() && pace(5).is_starved());
        let short = Pace { slots: 5, starved: 1, ..Pace::default() };
        assert!(!short.is_starved(), "one slot is chance");
        assert!(!Pace::default().is_starved(), "nothing was measured");
    }

    #[test]
    fn late_blocks_and_empty_slots_are_counted_and_starve_nobody() {
        let journal = journal(20, |slot| if slot == 7 { 1_500 } else { 500 }, &[3, 4, 20]);
        let pace = Pace::of(&journal, SLOT_MS, &samples(20, |_| 1.1)).unwrap();
        assert_eq!((pace.late_blocks, pace.no_blocks), (1, 2));
        assert!(!pace.is_starved());
    }

    #[test]
    fn a_run_that_was_starved_before_genesis_was_starved() {
        let says = "b0 did not answer until genesis".to_owned();
        let trouble = Event::Trouble { doing: "waiting".into(), says };
        let journal = Journal { lines: vec![Line::new(9_000, None, trouble)], torn: None };
        let pace = |stretch: f64| Pace::of(&journal, SLOT_MS, &samples(5, |_| stretch)).unwrap();
        assert_eq!(pace(4.0), Pace { slots: 5, starved: 5, mean: 4.0, worst: 4.0, late_blocks: 0, no_blocks: 0 });
        assert!(pace(4.0).is_starved() && !pace(1.2).is_starved());
        assert_eq!(Pace::of(&journal, SLOT_MS, &[]), None);
    }

    #[test]
    fn virtual_time_has_no_pace() {
        let genesis = Event::Genesis { time: None, root: "0x".into(), validators_root: "0x".into() };
        let journal = Journal { lines: vec![Line::new(5_000, Some(0), genesis)], torn: None };
        assert_eq!(Pace::of(&journal, SLOT_MS, &samples(20, |_| 9.0)), None);
    }

    #[test]
    fn a_duty_takes_its_processor_time_at_least() {
        let metronome = Metronome::start().unwrap();
        let mut seen = Vec::new();
        while seen.is_empty() {
            std::thread::sleep(Duration::from_millis(20));
            seen = metronome.since(0);
        }
        assert!(seen.iter().all(|sample| sample.stretch >= 0.9), "{seen:?}");
        assert!(metronome.since(u64::MAX).is_empty());
    }
}
