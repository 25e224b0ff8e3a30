//! The log on standard error, and in a file where the configuration names one, for people or for machines.

use std::io::{self, IsTerminal as _};

use parking_lot::Mutex;

use diem_config::{Log, LogFormat};
use diem_host::{home::Home, outlet::LogWriter};
use tracing_subscriber::{EnvFilter, fmt, reload, util::SubscriberInitExt as _};

use super::log_file;

/// The words that a filter can have without a module.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
/// The modules of the HTTP library, which tells of each connection that it uses again: nobody who wants to see more of a node
/// wants to see that, unless they are named.
const QUIET: [&str; 2] = ["hyper=info", "hyper_util=info"];
/// The most letters of a wrong filter that are said again.
const SHOWN: usize = 60;

/// The log level cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "log.level: `{level}` is no level: write off, error, warn, info, debug or trace, or by module such as info,diem_comet=debug ({reason})"
)]
pub struct LogError {
    level: String,
    reason: String,
}

/// The filter of the log, which changes while the process runs.
pub(super) struct Level {
    text: Mutex<String>,
    set: Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>,
}

impl Level {
    /// The filter as it was given.
    pub(super) fn get(&self) -> String {
        self.text.lock().clone()
    }

    /// Sets the filter until the process ends. One that names modules only leaves the rest as it is.
    ///
    /// # Errors
    /// The text is no filter, which then stays as it is.
    pub(super) fn set(&self, level: &str) -> Result<(), LogError> {
        filter(level)?;
        let mut text = self.text.lock();
        let whole = with_rest(level, &text);
        let filter = filter(&whole)?;
        tracing::info!(from = *text, to = whole, "the level of the log changes");
        (self.set)(filter).map_err(|error| LogError { level: level.into(), reason: error.to_string() })?;
        *text = whole;
        Ok(())
    }
}

/// Starts the log of this process; one that runs already, in a test, stays. Nobody ever waits for the log's reader.
pub(super) fn start(log: &Log, home: &Home) -> Result<Level, LogError> {
    filter(&log.level)?;
    let level = with_rest(&log.level, &Log::default().level);
    let filter = filter(&level)?;
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    // Both get the same bytes, and colours in a file are rubbish.
    let colours = colours && log.file.is_empty();
    // The library's own errors would go to standard error past the writer, and panic where nobody takes them.
    let builder = fmt().with_env_filter(filter).with_writer(|| LogWriter).with_ansi(colours).log_internal_errors(false);
    // An error says that a log runs already.
    let set: Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync> = match log.format {
        LogFormat::Text => {
            let builder = builder.with_target(false).with_filter_reloading();
            let handle = builder.reload_handle();
            drop(builder.finish().try_init());
            Box::new(move |filter| handle.reload(filter))
        }
        LogFormat::Json => {
            let builder = builder.json().with_filter_reloading();
            let handle = builder.reload_handle();
            drop(builder.finish().try_init());
            Box::new(move |filter| handle.reload(filter))
        }
    };
    log_file::start(log, home);
    Ok(Level { text: Mutex::new(level), set })
}

/// Checks the text of a filter.
///
/// # Errors
/// The text is no filter.
pub(crate) fn check_level(level: &str) -> Result<(), LogError> {
    filter(level).map(drop)
}

/// The filter that `level` asks for. `EnvFilter` takes a word without `=` that is no level for a module, and no word at
/// all for no filter: a typo would make a node that logs nothing.
fn filter(level: &str) -> Result<EnvFilter, LogError> {
    let error = |reason: String| LogError { level: beginning(level), reason };
    for part in level.split(',') {
        if !is_level(part) && !part.contains('=') {
            let reason = if part.is_empty() {
                "a part is empty".into()
            } else {
                format!("`{}` is none of them", beginning(part))
            };
            return Err(error(reason));
        }
    }
    let filter = EnvFilter::try_new(level).map_err(|reason| error(reason.to_string()))?;
    let tells_all = level.split(',').any(|part| ["debug", "trace"].iter().any(|low| part.eq_ignore_ascii_case(low)));
    if !tells_all || level.contains("hyper") {
        return Ok(filter);
    }
    let quiet = QUIET.iter().filter_map(|directive| directive.parse().ok());
    Ok(quiet.fold(filter, EnvFilter::add_directive))
}

/// The beginning of a text that was typed, as much as a sentence has room for.
fn beginning(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    shown
}

/// Whether a part of a filter is the level of all modules that have none of their own.
fn is_level(part: &str) -> bool {
    LEVELS.iter().any(|known| part.eq_ignore_ascii_case(known))
}

/// A filter with a level for the modules that it does not name. `EnvFilter` silences them where there is none, and then
/// `diem_comet=trace` would show less than before: they keep what `before` has for them.
fn with_rest(level: &str, before: &str) -> String {
    let rest = before.split(',').rfind(|part| is_level(part));
    match rest.filter(|_| !level.split(',').any(is_level)) {
        Some(rest) => format!("{rest},{level}"),
        None => level.into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_filter_of_modules_leaves_the_rest_as_it_was() {
        for (level, before, whole) in [
            ("diem_comet=trace", "info", "info,diem_comet=trace"),
            ("diem_comet=trace", "diem_node=debug,WARN", "WARN,diem_comet=trace"),
            ("a=trace,b=off", "off", "off,a=trace,b=off"),
            ("off,diem_comet=trace", "info", "off,diem_comet=trace"),
            ("debug", "info,diem_comet=trace", "debug"),
        ] {
            assert_eq!(with_rest(level, before), whole);
        }
    }

    #[test]
    fn the_library_of_http_is_quiet_unless_it_is_named() {
        for (level, is_quiet) in
            [("debug", true), ("info,TRACE", true), ("debug,hyper_util=debug", false), ("warn", false)]
        {
            assert_eq!(filter(level).unwrap().to_string().contains("hyper_util=info"), is_quiet, "{level}");
        }
    }

    #[test]
    fn of_a_long_word_that_is_no_level_the_beginning_is_said() {
        let error = filter(&"x".repeat(5_000)).unwrap_err().to_string();
        assert!(error.len() < 400 && error.contains("xxx...` is no level"), "{error}");
    }

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
