//! The layers over the file: the environment, then flags.

use std::fmt;

use diem_genesis::readable;
use toml::{Table, Value};

use super::{Config, ConfigError, raw};

/// The variables of the environment that begin with `DIEM_` and are no settings.
const OTHER_VARIABLES: &[&str] = &["DIEM_HOME", "DIEM_NODE", "DIEM_OUTPUT", "DIEM_FROM", "DIEM_BASE_RPC"];

/// A value that was given beside the file, with its place and its setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The variable or flag that has the value, for messages.
    pub place: String,
    /// The name of the setting, for example `api.listen`.
    pub key: String,
    /// The value as text; lists are separated by commas.
    pub value: String,
}

impl Override {
    /// The override that the flag `--flag` gives.
    pub fn flag(flag: &str, key: &str, value: impl fmt::Display) -> Self {
        Self { place: format!("--{flag}"), key: key.into(), value: value.to_string() }
    }
}

/// The environment variable of a setting: `DIEM_API_LISTEN` for `api.listen`.
pub fn variable(key: &str) -> String {
    format!("DIEM_{}", key.replace('.', "_").to_uppercase())
}

/// Finds the variables that Kubernetes puts into every container of a namespace in which a service is called `diem` or
/// `diem-...`: they are no settings, and nobody wrote them for this program.
pub fn service_links(variables: impl IntoIterator<Item = (String, String)>) -> Vec<String> {
    let links = variables.into_iter().filter(|(name, value)| is_service_link(name, value));
    links.map(|(name, _)| name).collect()
}

/// Whether name and value have the form of such a variable: `DIEM_SERVICE_HOST`, `DIEM_SERVICE_PORT[_NAME]`, and
/// `DIEM_PORT[_1317_TCP[_PROTO|_PORT|_ADDR]]`. A port that a person has set is a number alone and none of them.
fn is_service_link(name: &str, value: &str) -> bool {
    let is_number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    let is_protocol = |word: &str| matches!(word, "TCP" | "UDP" | "SCTP");
    let is_url = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    match name.split('_').collect::<Vec<_>>().as_slice() {
        ["DIEM", .., "SERVICE", "HOST"] => true,
        ["DIEM", .., "PORT"] if is_url => true,
        ["DIEM", .., "PORT", number, protocol] | ["DIEM", .., "PORT", number, protocol, "PROTO" | "PORT" | "ADDR"]
            if is_number(number) && is_protocol(protocol) =>
        {
            true
        }
        ["DIEM", rest @ ..] => rest.windows(2).any(|pair| pair == ["SERVICE", "PORT"]),
        _ => false,
    }
}

/// Finds the settings among these variables.
pub(super) fn from_environment(
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Vec<Override>, ConfigError> {
    let keys: Vec<(String, String)> = Config::keys().into_iter().map(|key| (variable(&key), key)).collect();
    let mut found = Vec::new();
    for (name, value) in variables {
        if !name.starts_with("DIEM_") || OTHER_VARIABLES.contains(&name.as_str()) {
            continue;
        }
        match keys.iter().find(|(variable, _)| *variable == name) {
            Some((_, key)) => found.push(Override { place: name, key: key.clone(), value }),
            None if is_service_link(&name, &value) => {}
            None => {
                let known: Vec<&str> = keys.iter().map(|(variable, _)| variable.as_str()).collect();
                let hint = readable::nearest(&name, &known).map(|near| format!(": did you mean {near}?"));
                let message = format!("no setting has this variable{}", hint.unwrap_or_default());
                return Err(ConfigError::Override { place: name, message });
            }
        }
    }
    Ok(found)
}

/// Sets a value given as text in a table, as the type that the setting has there.
pub(super) fn set(table: &mut Table, key: &str, value: &str) -> Result<(), String> {
    if let Some(key) = key.strip_prefix(raw::PLACE).and_then(|rest| rest.strip_prefix('.')) {
        let value = raw::read(key, value)?;
        if let Some(Value::Table(raw)) = table.get_mut("comet").and_then(|comet| comet.get_mut("raw")) {
            raw::insert(raw, key, value);
        }
        return Ok(());
    }
    let known = Config::keys();
    let unknown = || {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let hint = readable::nearest(key, &known).map(|near| format!(": did you mean `{near}`?"));
        format!("unknown key `{key}`{}", hint.unwrap_or_default())
    };
    let place = match key.split_once('.') {
        Some((section, name)) => {
            table.get_mut(section).and_then(|section| section.get_mut(name)).filter(|value| !value.is_table())
        }
        None => table.get_mut(key).filter(|value| !value.is_table()),
    };
    let place = place.ok_or_else(unknown)?;
    *place = match place {
        Value::Integer(_) => {
            Value::Integer(value.parse().map_err(|_| format!("`{key}`: `{value}` is not a whole number"))?)
        }
        Value::Boolean(_) => {
            Value::Boolean(value.parse().map_err(|_| format!("`{key}`: `{value}` is neither true nor false"))?)
        }
        Value::Array(_) => {
            // As commas part it, or as `config get` shows it.
            let shown =
                value.trim().starts_with('[').then(|| format!("list = {value}").parse::<Table>().ok()).flatten();
            let listed = shown.and_then(|mut table| table.remove("list")).filter(Value::is_array);
            let parted = || value.split(',').filter(|part| !part.is_empty()).map(|part| part.trim().into()).collect();
            listed.unwrap_or_else(|| Value::Array(parted()))
        }
        _ => Value::String(value.into()),
    };
    Ok(())
}
