//! The log: on standard error, for people or for machines.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::{EnvFilter, fmt, util::SubscriberInitExt as _};

use crate::config::{Log, LogFormat};

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
#[error(
    "log.level: `{level}` is no level: write error, warn, info, debug or trace, or by module such as info,diem_node=debug ({reason})"
)]
pub struct LogError {
    level: String,
    reason: String,
}

/// Starts the log of this process. One that runs already, in a test, stays.
pub(super) fn start(log: &Log) -> Result<(), LogError> {
    let filter = EnvFilter::try_new(&log.level)
        .map_err(|error| LogError { level: log.level.clone(), reason: error.to_string() })?;
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder = fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(colours);
    let result = match log.format {
        LogFormat::Text => builder.with_target(false).finish().try_init(),
        LogFormat::Json => builder.json().finish().try_init(),
    };
    // An error says that there is a log already.
    drop(result);
    Ok(())
}
