//! What programs log to stderr.

use std::io::IsTerminal;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::{fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Logs to stderr what passes `level`: off, error, warn, info, debug, trace, or a filter such as `info,libp2p=debug`.
///
/// # Errors
/// A text that is neither.
pub(super) fn init(level: &str) -> Result<(), String> {
    // A lone word would be taken for the name of a module, and silence everything.
    if !level.contains(['=', ',']) && level.parse::<LevelFilter>().is_err() {
        return Err("accepted: off, error, warn, info, debug, trace, or a filter such as `info,libp2p=debug`".into());
    }
    let mut targets: Targets = level.parse().map_err(|error| format!("{error}"))?;
    if !level.contains("libp2p") {
        targets = targets.with_target("libp2p_swarm", LevelFilter::WARN); // it repeats our peer id
    }
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal()).with_target(false);
    let subscriber = tracing_subscriber::registry().with(targets).with(lines);
    // A second subscriber in one process (tests) is no reason to stop.
    let _ = subscriber.try_init();
    Ok(())
}
