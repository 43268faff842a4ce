//! `report.html`: one page that needs nothing else.

use super::chart::{self, Axes};
use super::model::{FinalityReport, Report};
use super::{Error, terminal};
use crate::journal::{History, Journal};
use serde::Serialize;
use tera::{Context, Tera};

/// Escaped by its name's ending: everything from the journal is, charts are not.
const PAGE: &str = "page.html";

/// A node as the page shows it.
#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    state: &'static str,
    chart: String,
    finality: Vec<&'a FinalityReport>,
}

/// Renders the page.
///
/// # Errors
/// [`Error::Render`], which would be a bug.
pub fn html(report: &Report, journal: &Journal) -> Result<String, Error> {
    let history = History::of(&journal.lines);
    let slots_per_epoch = report.run.slots_per_epoch.max(1);
    let heads = || history.nodes.values().flat_map(|node| &node.heads);
    let axes = Axes {
        from_ms: report.timings.start_to_genesis_ms.or_else(|| heads().map(|head| head.at_ms).min()).unwrap_or(0),
        to_ms: history.now_ms,
        epochs: heads().map(|head| head.head_slot.div_ceil(slots_per_epoch)).max().unwrap_or(0),
        slots_per_epoch,
    };
    let nothing = crate::journal::NodeHistory::default();
    let shown: Vec<_> = report
        .nodes
        .iter()
        .map(|node| Shown {
            name: &node.name,
            state: terminal::state(node.state),
            chart: chart::svg(history.node(&node.name).unwrap_or(&nothing), axes),
            finality: sampled(&node.finality),
        })
        .collect();
    let failed = |why: tera::Error| Error::Render { what: "report.html", why: why.to_string() };
    let mut context = Context::new();
    context.insert("report", report);
    // as lists: tera goes through maps in no order
    let roles: Vec<_> = report.run.roles.iter().map(|(role, client)| format!("{role}: {client}")).collect();
    let mut forks: Vec<_> = report.run.forks.iter().collect();
    forks.sort_by_key(|(name, epoch)| (**epoch, *name));
    let forks: Vec<_> = forks.into_iter().map(|(name, epoch)| format!("{name} at epoch {epoch}")).collect();
    context.insert("roles", &roles);
    context.insert("forks", &forks);
    context.insert("shown", &shown);
    let mut tera = Tera::new();
    tera.add_raw_template(PAGE, include_str!("page.html.tera")).map_err(failed)?;
    tera.render(PAGE, &context).map_err(failed)
}

/// The first ones and the last: a long run finalizes hundreds of epochs.
fn sampled(finality: &[FinalityReport]) -> Vec<&FinalityReport> {
    const ENDS: usize = 6;
    if finality.len() <= 2 * ENDS {
        return finality.iter().collect();
    }
    finality[..ENDS].iter().chain(&finality[finality.len() - ENDS..]).collect()
}
