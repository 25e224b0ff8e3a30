//! One setting at a time: reading it with the place that it comes from, and changing it in the file with all comments kept.

use std::{fmt, path::Path};

use toml::{Table, Value};
use toml_edit::{DocumentMut, Item, RawString};

use crate::{Config, ConfigError, Override, document::explanation, layers::from_environment, raw, version};

/// Where the value of a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// No layer names it.
    Default,
    /// The configuration file.
    File,
    /// An environment variable, by its name.
    Variable(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File => f.write_str("config.toml"),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// A setting as it counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Its name, such as `api.listen`.
    pub key: String,
    /// Its value.
    pub value: Value,
    /// Where the value comes from.
    pub source: Source,
}

impl Setting {
    /// The value for people and scripts: a text without quotes, anything else as TOML.
    pub fn text(&self) -> String {
        self.value.as_str().map_or_else(|| self.value.to_string(), str::to_owned)
    }
}

/// The settings that a start without flags would have.
///
/// # Errors
/// [`ConfigError`] if it would not start.
pub fn settings(
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Vec<Setting>, ConfigError> {
    let layers = from_environment(environment)?;
    let pairs = layers.iter().map(|layer| (layer.place.clone(), layer.value.clone()));
    let table = Config::load(path, pairs, &[])?.table();
    let file: Table = version::of_file(path)?.text.parse().unwrap_or_default();
    let mut settings: Vec<Setting> = Config::keys()
        .into_iter()
        .filter_map(|key| {
            let value = look_up(&table, &key)?.clone();
            let variable =
                layers.iter().rfind(|layer| layer.key == key).map(|layer| Source::Variable(layer.place.clone()));
            let in_file = look_up(&file, &key).map(|_| Source::File);
            Some(Setting { source: variable.or(in_file).unwrap_or(Source::Default), key, value })
        })
        .collect();
    if let Some(Value::Table(keys)) = look_up(&table, raw::PLACE) {
        let keys = raw::leaves(keys).map(|(key, value)| (format!("{}.{key}", raw::PLACE), value.clone()));
        settings.extend(keys.map(|(key, value)| Setting { key, value, source: Source::File }));
    }
    Ok(settings)
}

/// The text of a file with one setting changed. Comments, order and all other lines stay; a setting that the file does not
/// name yet comes to the end of its section, explained.
///
/// # Errors
/// The key is not known, the value does not fit it, or the whole would not be valid.
pub fn change(text: &str, path: &str, key: &str, value: &str) -> Result<String, ConfigError> {
    let place = format!("`{key}`");
    let wrong = |message: String| ConfigError::Override { place: path.into(), message };
    let migrated = version::migrate(text, path)?;
    if migrated.is_old() {
        return Err(wrong(format!(
            "the file is of version {} and this diemd writes version {}: run `diemd config migrate` first",
            migrated.from,
            version::CURRENT
        )));
    }
    // The value is judged as one on the command line would be.
    let changed = Config::parse(text, path)?.with(&[Override { place, key: key.into(), value: value.into() }])?;
    let table = changed.table();
    let value = look_up(&table, key).ok_or_else(|| wrong(format!("unknown key `{key}`")))?;
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| wrong(error.to_string()))?;
    put(&mut document, key, value).map_err(wrong)?;
    let text = document.to_string();
    let changed = Config::parse(&text, path)?;
    changed.check_whole()?;
    changed.check_in(Path::new(path))?;
    Ok(text)
}

/// Puts a value under its key. Where the key is there, what stands around its value stays.
fn put(document: &mut DocumentMut, key: &str, value: &Value) -> Result<(), String> {
    let new: toml_edit::Value = value.to_string().parse().map_err(|error| format!("`{key}`: {error}"))?;
    let (sections, name) = key.rsplit_once('.').map_or((None, key), |(sections, name)| (Some(sections), name));
    let mut table = document.as_table_mut();
    let mut walked = String::new();
    for section in sections.into_iter().flat_map(|sections| sections.split('.')) {
        if !walked.is_empty() {
            walked.push('.');
        }
        walked.push_str(section);
        let entry = table.entry(section).or_insert_with(|| {
            let mut new = toml_edit::Table::new();
            if let Some(explained) = explanation(&walked) {
                new.decor_mut().set_prefix(explained);
            }
            Item::Table(new)
        });
        table = entry.as_table_mut().ok_or_else(|| {
            format!("`{walked}` is written as one value: write it as a section, [{walked}], so that its settings can be changed")
        })?;
    }
    if let Some(Item::Value(old)) = table.get_mut(name) {
        let decor = old.decor().clone();
        *old = new;
        *old.decor_mut() = decor;
        return Ok(());
    }
    table.insert(name, Item::Value(new));
    if let (Some(explained), Some(mut key)) = (explanation(key), table.key_mut(name)) {
        key.leaf_decor_mut().set_prefix(RawString::from(explained));
    }
    Ok(())
}

pub(crate) fn look_up<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    let mut parts = key.split('.');
    let first = table.get(parts.next()?)?;
    parts.try_fold(first, |value, part| value.get(part))
}
