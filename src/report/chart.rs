//! The chart of a node: head, justified and finalized epoch over time, as SVG.

use crate::journal::{HeadAt, NodeHistory};
use std::fmt::Write;

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 190.0;
const LEFT: f64 = 34.0;
const BOTTOM: f64 = 24.0;
const TOP: f64 = 8.0;
const RIGHT: f64 = 8.0;

/// The axes that the charts of all nodes share, so that they can be compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axes {
    /// From when, milliseconds.
    pub from_ms: u64,
    /// To when, milliseconds.
    pub to_ms: u64,
    /// The highest epoch.
    pub epochs: u64,
    /// Slots an epoch.
    pub slots_per_epoch: u64,
}

impl Axes {
    fn x(&self, at_ms: u64) -> f64 {
        let whole = self.to_ms.saturating_sub(self.from_ms).max(1) as f64;
        LEFT + (WIDTH - LEFT - RIGHT) * (at_ms.saturating_sub(self.from_ms) as f64 / whole)
    }

    fn y(&self, epochs: f64) -> f64 {
        HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (epochs / self.epochs.max(1) as f64)
    }
}

/// The chart, with classes `head`, `justified`, `finalized`, `grid` and `label` for a style sheet. Numbers only: no
/// text of the journal is in it.
pub(super) fn svg(node: &NodeHistory, axes: Axes) -> String {
    let mut svg = format!(r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">"#);
    grid(&mut svg, axes);
    let per_epoch = axes.slots_per_epoch.max(1) as f64;
    let lines = [
        ("head", points(node, axes, |head| head.head_slot as f64 / per_epoch)),
        ("justified", points(node, axes, |head| head.justified as f64)),
        ("finalized", points(node, axes, |head| head.finalized as f64)),
    ];
    for (class, points) in lines {
        if !points.is_empty() {
            // writing to a string can't fail
            let _ = write!(svg, r#"<polyline class="{class}" points="{points}"/>"#);
        }
    }
    svg.push_str("</svg>");
    svg
}

fn grid(svg: &mut String, axes: Axes) {
    let right = WIDTH - RIGHT;
    for epoch in ticks(axes.epochs) {
        let y = axes.y(epoch as f64);
        let _ = write!(
            svg,
            r#"<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1}" y2="{y:.1}"/><text class="label" x="{:.1}" y="{:.1}" text-anchor="end">{epoch}</text>"#,
            LEFT - 5.0,
            y + 3.5
        );
    }
    let seconds = axes.to_ms.saturating_sub(axes.from_ms) / 1000;
    for second in ticks(seconds) {
        let x = axes.x(axes.from_ms + second * 1000);
        let y = HEIGHT - 6.0;
        let _ = write!(svg, r#"<text class="label" x="{x:.1}" y="{y:.1}" text-anchor="middle">{second}s</text>"#);
    }
}

/// At most six round numbers from 0 up to `last`.
fn ticks(last: u64) -> Vec<u64> {
    let mut step = 1;
    for factor in [2, 5, 10].iter().cycle().enumerate() {
        if last / step <= 5 {
            break;
        }
        step = factor.1 * 10u64.pow((factor.0 / 3) as u32);
    }
    (0..=last / step).map(|n| n * step).collect()
}

/// Steps: a value holds until the next. One point a pixel at most, the last of those that fall on it.
fn points(node: &NodeHistory, axes: Axes, value: impl Fn(&HeadAt) -> f64) -> String {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for head in &node.heads {
        let point = (axes.x(head.at_ms), axes.y(value(head)));
        match kept.last_mut() {
            Some(last) if point.0.floor() == last.0.floor() => *last = point,
            _ => kept.push(point),
        }
    }
    let mut points = String::new();
    let mut before: Option<f64> = None;
    for (x, y) in kept {
        if let Some(before) = before.filter(|before| *before != y) {
            let _ = write!(points, "{x:.1},{before:.1} ");
        }
        if before != Some(y) || points.is_empty() {
            let _ = write!(points, "{x:.1},{y:.1} ");
        }
        before = Some(y);
    }
    if let Some(y) = before {
        let _ = write!(points, "{:.1},{y:.1}", axes.x(axes.to_ms));
    }
    points.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_few_and_round() {
        assert_eq!(ticks(0), [0]);
        assert_eq!(ticks(4), [0, 1, 2, 3, 4]);
        assert_eq!(ticks(10), [0, 2, 4, 6, 8, 10]);
        assert_eq!(ticks(42), [0, 10, 20, 30, 40]);
        assert_eq!(ticks(130), [0, 50, 100]);
        assert!(ticks(u64::MAX / 1000).len() <= 6);
    }

    #[test]
    fn a_long_run_has_no_more_points_than_pixels() {
        let head = |n: u64| HeadAt {
            at_ms: n * 10,
            slot: Some(n),
            head_slot: n,
            block: String::new(),
            justified: n / 16,
            finalized: n / 32,
        };
        let node = NodeHistory { heads: (0..100_000).map(head).collect(), ..NodeHistory::default() };
        let axes = Axes { from_ms: 0, to_ms: 1_000_000, epochs: 12_500, slots_per_epoch: 8 };
        assert!(svg(&node, axes).len() < 60_000);
        let nothing = svg(&NodeHistory::default(), Axes { from_ms: 0, to_ms: 0, epochs: 0, slots_per_epoch: 0 });
        assert!(!nothing.contains("NaN") && !nothing.contains("polyline"), "{nothing}");
    }
}
