//! What programs log to stderr.

use std::io::IsTerminal;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// Logs to stderr what passes `level`: off, error, warn, info, debug, trace, or a filter such as `info,libp2p=debug`.
///
/// # Errors
/// A text that is neither.
pub(super) fn init(level: &str) -> Result<(), String> {
    // A lone word would be taken for the name of a module, and silence everything.
    if !level.contains(['=', ',']) && level.parse::<LevelFilter>().is_err() {
        return Err("accepted: off, error, warn, info, debug, trace, or a filter such as `info,libp2p=debug`".into());
    }
    let mut filter = EnvFilter::try_new(level).map_err(|error| error.to_string())?;
    if !level.contains("libp2p") {
        let quiet = "libp2p_swarm=warn".parse().map_err(|error| format!("{error}"))?; // it repeats our peer id
        filter = filter.add_directive(quiet);
    }
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    // A second subscriber in one process (tests) is no reason to stop.
    let _ = subscriber.try_init();
    Ok(())
}
