//! The log on standard error, for people or for machines.

use std::io::{self, IsTerminal as _};

use diem_config::{Log, LogFormat};
use diem_host::outlet::ErrWriter;
use tracing_subscriber::{EnvFilter, fmt, util::SubscriberInitExt as _};

/// The words that a filter can have without a module.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// The log level cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "log.level: `{level}` is no level: write off, error, warn, info, debug or trace, or by module such as info,diem_node=debug ({reason})"
)]
pub struct LogError {
    level: String,
    reason: String,
}

/// Starts the log of this process; one that runs already, in a test, stays. Nobody ever waits for the log's reader.
pub(super) fn start(log: &Log) -> Result<(), LogError> {
    let filter = filter(&log.level)?;
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    // The library's own errors would go to standard error past the writer, and panic where nobody takes them.
    let builder = fmt().with_env_filter(filter).with_writer(|| ErrWriter).with_ansi(colours).log_internal_errors(false);
    let result = match log.format {
        LogFormat::Text => builder.with_target(false).finish().try_init(),
        LogFormat::Json => builder.json().finish().try_init(),
    };
    // An error says that a log runs already.
    drop(result);
    Ok(())
}

/// The filter that `level` asks for. `EnvFilter` takes a word without `=` that is no level for a module, and no word at
/// all for no filter: a typo would make a node that logs nothing.
fn filter(level: &str) -> Result<EnvFilter, LogError> {
    let error = |reason: String| LogError { level: level.into(), reason };
    for part in level.split(',') {
        let is_level = LEVELS.iter().any(|known| part.eq_ignore_ascii_case(known));
        if !is_level && !part.contains('=') {
            let reason = if part.is_empty() { "a part is empty".into() } else { format!("`{part}` is none of them") };
            return Err(error(reason));
        }
    }
    EnvFilter::try_new(level).map_err(|reason| error(reason.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn levels_stand_alone_or_with_a_module() {
        for good in ["off", "error", "warn", "INFO", "Debug", "trace", "info,diem_comet::abci=debug"] {
            filter(good).unwrap();
        }
    }

    #[test]
    fn what_would_silence_the_log_is_refused() {
        for bad in ["", " ", ",", "loud", "info,", "info,loud", "info, debug", "diem_node", "diem_node=loud", "3"] {
            let error = filter(bad).unwrap_err().to_string();
            assert!(error.contains("log.level") && error.contains("off, error, warn, info, debug or trace"), "{error}");
            assert!(error.contains(&format!("`{bad}`")), "{error}");
        }
    }
}
