//! The version of the configuration file, and what became of settings since the versions before.
//!
//! A file says which version it was written for. An older one is read as if it had been migrated, and the log names each
//! change until `diemd config migrate` has written them; a newer one is refused, because it may say what this program
//! does not do.

use std::path::Path;

use diem_genesis::readable;
use toml::Table;
use toml_edit::{DocumentMut, Item, TomlError, value};

use crate::ConfigError;

/// The version of the files that this program writes.
pub const CURRENT: u64 = 1;
/// The name of the version in the file.
pub(crate) const KEY: &str = "config_version";

/// A file in the form of the current version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The version that the file names; 0 if it names none, as before there were versions.
    pub from: u64,
    /// The text with each change made. The lines of the file keep their numbers.
    pub text: String,
    /// The changes, each a sentence.
    pub changes: Vec<String>,
}

/// A step from a version to the next: it changes the document and says what it changed.
type Step = fn(&mut DocumentMut) -> Vec<String>;

/// The steps; that at place N leads from version N to N + 1.
const STEPS: &[Step] = &[name_the_crates_of_log_levels];

/// Reads a file of any version up to the current one.
///
/// # Errors
/// [`ConfigError::Newer`], [`ConfigError::File`] for text that is no TOML, or [`ConfigError::Override`] for a version that is
/// none.
pub fn migrate(text: &str, path: &str) -> Result<Migrated, ConfigError> {
    let unchanged = |from| Migrated { from, text: text.into(), changes: Vec::new() };
    // This reader names the line.
    readable::parse::<Table>(text, path)?;
    let misread = |error: TomlError| ConfigError::Override { place: path.into(), message: error.to_string() };
    let mut document: DocumentMut = text.parse().map_err(misread)?;
    let from = match document.get(KEY) {
        None => 0,
        Some(item) => item.as_integer().and_then(|number| u64::try_from(number).ok()).ok_or_else(|| {
            let message = format!("`{KEY}` is a whole number, such as {CURRENT}");
            ConfigError::Override { place: path.into(), message }
        })?,
    };
    if from > CURRENT {
        return Err(ConfigError::Newer { path: path.into(), found: from, known: CURRENT });
    }
    let later = usize::try_from(from).ok().and_then(|from| STEPS.get(from..)).unwrap_or_default();
    let changes: Vec<String> = later.iter().flat_map(|step| step(&mut document)).collect();
    if changes.is_empty() {
        return Ok(unchanged(from));
    }
    Ok(Migrated { from, text: document.to_string(), changes })
}

/// Reads the file at `path` as [`migrate`] does.
///
/// # Errors
/// The errors of [`migrate`], and [`ConfigError::Open`].
pub fn of_file(path: &Path) -> Result<Migrated, ConfigError> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::Open { path: name.clone(), reason: error.to_string() })?;
    migrate(&text, &name)
}

impl Migrated {
    /// Whether the file is of an older version.
    pub const fn is_old(&self) -> bool {
        self.from < CURRENT
    }

    /// The text with the current version written into it, above all settings.
    ///
    /// # Errors
    /// The text is no TOML; the sentence says where.
    pub fn written(&self) -> Result<String, TomlError> {
        let mut document: DocumentMut = self.text.parse()?;
        if document.contains_key(KEY) {
            document[KEY] = value(i64::try_from(CURRENT).unwrap_or(i64::MAX));
            return Ok(document.to_string());
        }
        let line = format!("{KEY} = {CURRENT}\n");
        // A comment that a blank line ends is about the file, and one without is about the first setting.
        Ok(match self.text.split_once("\n\n") {
            Some((head, rest)) if head.lines().all(|line| line.starts_with('#')) => format!("{head}\n\n{line}\n{rest}"),
            _ => format!("{line}{}", self.text),
        })
    }
}

/// Version 1: the one crate of the node became several, and a level for a module of a crate that is gone would say nothing.
fn name_the_crates_of_log_levels(document: &mut DocumentMut) -> Vec<String> {
    const MOVED: [(&str, &str); 7] = [
        ("diem_node::abci", "diem_comet::abci"),
        ("diem_node::comet", "diem_comet"),
        ("diem_node::instant", "diem_instant"),
        ("diem_node::http", "diem_http"),
        ("diem_node::config", "diem_config"),
        ("diem_node::engine", "diem_engine"),
        ("diem_node::bridge", "diem_node_bridge"),
    ];
    let Some(level) = document.get("log").and_then(|log| log.get("level")).and_then(|level| level.as_str()) else {
        return Vec::new();
    };
    let mut changes = Vec::new();
    let mut directives = Vec::new();
    for directive in level.split(',').map(str::trim) {
        let (target, rest) = directive.split_at(directive.find(['=', '[']).unwrap_or(directive.len()));
        let moved = MOVED.iter().find_map(|(old, new)| {
            let inside = target.strip_prefix(old).filter(|inside| inside.is_empty() || inside.starts_with("::"))?;
            Some(format!("{new}{inside}"))
        });
        if let Some(new) = &moved {
            changes.push(format!("`log.level`: the module {target} is called {new} now"));
        }
        directives.push(format!("{}{rest}", moved.as_deref().unwrap_or(target)));
    }
    let place = document.get_mut("log").and_then(|log| log.get_mut("level")).and_then(Item::as_value_mut);
    if let Some(place) = place.filter(|_| !changes.is_empty()) {
        // A comment behind the value stays.
        let decor = place.decor().clone();
        *place = directives.join(",").into();
        *place.decor_mut() = decor;
    }
    changes
}
