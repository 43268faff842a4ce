//! A count of what is allocated, and the assertion that one input costs no more than its length allows.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Bytes allocated and not freed, by Rust code.
static LIVE: AtomicUsize = AtomicUsize::new(0);
/// The most that was live since the last reset.
static PEAK: AtomicUsize = AtomicUsize::new(0);
/// The most that an input took so far.
static RECORD: AtomicUsize = AtomicUsize::new(0);

struct Counting;

fn grown(bytes: usize) {
    PEAK.fetch_max(LIVE.fetch_add(bytes, Relaxed) + bytes, Relaxed);
}

// SAFETY: everything is the system allocator's; beside it, two numbers are counted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // the old and the new block may be there at once
        grown(size);
        LIVE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What an input may take: so many bytes whatever it is, and so many for each of its own.
#[derive(Clone, Copy)]
pub struct Bound {
    pub base: usize,
    pub per_byte: usize,
}

/// Of an input that is a script for a node: a step hands the node one object of at most a blob's size or so (131 KB, twice
/// that as JSON, which is there as text, as a tree of values and as the object), and some blocks' states and sidecars are
/// kept. There are at most 24 steps, whatever the input's length; its own bytes are copied a few times.
pub const NODE: Bound = Bound { base: 32 << 20, per_byte: 256 };

/// Runs the judged part of an input of `len` bytes. What was set up before, the node with its history, is not counted.
///
/// # Panics
/// If more was live at a moment than the bound allows.
pub fn bounded<T>(len: usize, bound: Bound, run: impl FnOnce() -> T) -> T {
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    let result = run();
    let taken = PEAK.load(Relaxed).saturating_sub(before);
    let allowed = bound.base + bound.per_byte * len;
    assert!(taken <= allowed, "memory: {taken} bytes live for an input of {len}, {allowed} allowed");
    if taken > RECORD.load(Relaxed) {
        RECORD.store(taken, Relaxed);
        eprintln!("memory: {taken} bytes live for an input of {len}, {allowed} allowed");
    }
    result
}
