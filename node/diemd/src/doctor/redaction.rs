//! What a bundle shows of settings, findings and logs: everything but what may be a secret.

use std::{borrow::Cow, collections::BTreeSet};

use diem_config::{
    Config,
    raw::{KEYS, Owner},
    variable,
};
use toml::{Table, Value};

use super::Finding;

/// The place of the settings that CometBFT gets as they are.
const RAW: &str = "comet.raw.";
/// The ends of names, in small letters, whose values may be secrets: `x-api-key: VALUE`, `"token": "VALUE"`, `--password VALUE`.
const NAMES: [&str; 9] =
    ["key", "token", "secret", "password", "passwd", "pass", "passphrase", "credential", "credentials"];
/// The ends of names whose values are several words, up to the end of the line or of their quotes.
const NAMES_OF_PHRASES: [&str; 3] = ["mnemonic", "phrase", "seed"];
/// The ends of names whose values are addresses, of which what comes after the host may be a secret.
const NAMES_OF_ADDRESSES: [&str; 4] = ["endpoint", "endpoints", "url", "rpc"];
/// What stands in the header of a request before a secret.
const SCHEMES: [&str; 2] = ["bearer ", "authorization: basic "];
/// The shortest value of an unknown setting that is looked for elsewhere too: a shorter one may be any word.
const SHORTEST_SECRET: usize = 6;

/// What stands for a text that may be a secret.
const HIDDEN: &str = "(hidden)";

/// The settings of a home as a bundle shows them.
pub(super) struct Settings {
    /// The file without comments, as TOML.
    pub(super) shown: String,
    /// The texts that may be secrets, each with what is shown of it, the longest first: a finding may repeat them.
    hidden: Vec<(String, String)>,
}

impl Settings {
    /// The settings in the text of `config.toml` and in the variables of the environment.
    pub(super) fn of(text: &str, environment: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut hidden = Vec::new();
        let of_comet = KEYS.iter().filter(|(_, _, owner)| *owner == Owner::Operator);
        let known = of_comet.map(|(key, ..)| format!("{RAW}{key}")).chain(Config::keys());
        let known: BTreeSet<String> = known.chain(["config_version".into()]).collect();
        for (name, value) in environment {
            let key = ["bridge.base_rpc", "bridge.endpoints"].into_iter().find(|key| variable(key) == name);
            for part in key.iter().flat_map(|_| value.split(',')) {
                hide(&mut Value::String(part.trim().into()), key.unwrap_or_default(), &known, &mut hidden);
            }
        }
        let shown = match text.parse::<Table>() {
            Ok(table) => {
                let mut settings = Value::Table(table);
                hide(&mut settings, "", &known, &mut hidden);
                toml::to_string(&settings).unwrap_or_default()
            }
            Err(_) => "# It is no TOML, so nothing of it is shown.\n".into(),
        };
        hidden.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        Self { shown, hidden }
    }

    /// The text without the secrets of the settings, and without what the words around it tell to be one.
    pub(super) fn text_without_secrets(&self, text: &str) -> String {
        let mut text = Cow::Borrowed(text);
        for (secret, shown) in self.hidden.iter().filter(|(secret, _)| !secret.is_empty()) {
            text = text.replace(secret, shown).into();
        }
        plain(&text)
    }

    /// The finding without secrets.
    pub(super) fn without_secrets(&self, finding: &Finding) -> Finding {
        let shown = |text: &str| self.text_without_secrets(text);
        let Finding { check, weight, what, why, todo } = finding;
        Finding { check, weight: *weight, what: shown(what), why: shown(why), todo: shown(todo) }
    }
}

/// Hides what may be a secret in the settings at `path`: all of one that is not known, since a misspelt one holds what was
/// meant for another.
fn hide(value: &mut Value, path: &str, known: &BTreeSet<String>, hidden: &mut Vec<(String, String)>) {
    match value {
        Value::Table(table) => {
            for (key, value) in table.iter_mut() {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                hide(value, &path, known, hidden);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| hide(value, path, known, hidden)),
        value if !known.contains(path) => {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            *value = HIDDEN.into();
            hidden.extend((text.len() >= SHORTEST_SECRET).then(|| (text, HIDDEN.into())));
        }
        Value::String(text) => {
            let is_endpoint = ["bridge.base_rpc", "bridge.endpoints"].contains(&path);
            // A word, a number or a time is shown of what goes to CometBFT as it is.
            let is_word = text.len() <= 16 && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
            let shown = match text.contains("://") {
                false if is_endpoint && !text.is_empty() => HIDDEN.into(),
                false if path.starts_with(RAW) && !is_word => HIDDEN.into(),
                _ => plain(text),
            };
            if shown != *text {
                hidden.push((std::mem::replace(text, shown.clone()), shown));
            }
        }
        _ => {}
    }
}

/// The text without what may be a secret by the words around it.
fn plain(text: &str) -> String {
    without_paths_of_urls(text).split_inclusive('\n').map(without_named_secrets).collect()
}

/// What is hidden of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// One word, or what stands in quotes.
    Word,
    /// All up to the end of the line, or of the quotes.
    Line,
    /// What comes after the first slash.
    Path,
}

/// The place in a text of small letters at which the first value begins whose name says that it may be a secret.
fn first_value(small: &str) -> Option<(usize, Part)> {
    let lists = [(&NAMES[..], Part::Word), (&NAMES_OF_PHRASES, Part::Line), (&NAMES_OF_ADDRESSES, Part::Path)];
    let names = lists.into_iter().flat_map(|(names, part)| names.iter().map(move |name| (name, part)));
    let named = names.flat_map(|(name, part)| {
        let places = small.match_indices(name).filter_map(|(at, _)| value_after(small, at, name.len()));
        places.map(move |at| (at, part))
    });
    let schemes =
        SCHEMES.iter().filter_map(|scheme| Some((small.find(scheme)?.saturating_add(scheme.len()), Part::Word)));
    named.chain(schemes).min_by_key(|(at, _)| *at)
}

/// Where the value of the name begins that ends after `length` bytes from `at`: behind `=` or `:`, which quotes of the name and
/// spaces may come before, or behind a space where the name is that of a flag.
fn value_after(small: &str, at: usize, length: usize) -> Option<usize> {
    let (before, rest) = (small.get(..at)?, small.get(at.checked_add(length)?..)?);
    let unquoted = rest.trim_start_matches(['\\', '"', '\'']).trim_start_matches(' ');
    if let Some(value) = unquoted.strip_prefix(['=', ':']) {
        return small.len().checked_sub(value.len());
    }
    let flag = before.rsplit(char::is_whitespace).next().is_some_and(|word| word.starts_with("--"));
    (flag && rest.starts_with(' ')).then(|| small.len().checked_sub(rest.len())).flatten()
}

/// The line without the values that may be secrets by their names.
fn without_named_secrets(line: &str) -> String {
    let mut shown = String::new();
    let mut rest = line;
    while let Some((at, part)) = first_value(&rest.to_ascii_lowercase()) {
        let (before, after) = rest.split_at(at);
        let value = after.trim_start_matches([' ', '"', '\'', '\\']);
        let (opening, value) = after.split_at(after.len().saturating_sub(value.len()));
        let quote = opening.chars().next_back().filter(|c| *c != ' ');
        let is_end = |c: char| match quote {
            Some(quote) => c == quote || c == '\n',
            None if part == Part::Line => c == '\n',
            None => c.is_whitespace() || c == '"',
        };
        let (value, left) = value.split_at(value.find(is_end).unwrap_or(value.len()));
        let kept = match part {
            // A URL is cut already.
            Part::Path if value.contains("://") => value,
            Part::Path => value.split_inclusive('/').next().unwrap_or_default(),
            Part::Word | Part::Line => "",
        };
        shown.extend([before, opening, kept, if kept.len() < value.len() { HIDDEN } else { "" }]);
        rest = left;
    }
    shown + rest
}

/// The text with each URL cut after its host: a provider's key is often part of its URL. Where a name and a password stand
/// before the host they are left out, and where it is not sure which part is the host, nothing is shown.
fn without_paths_of_urls(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at.saturating_add(3));
        shown.push_str(before);
        let end = after.find(|c: char| c.is_whitespace() || "\"`".contains(c)).unwrap_or(after.len());
        let (url, left) = after.split_at(end);
        let authority = url.split(['/', '?', '#']).next().unwrap_or_default();
        let host = match authority.rsplit_once('@') {
            Some((_, host)) => host,
            None if url.contains('@') => "",
            None => authority,
        };
        let end = host.find(|c: char| !c.is_ascii_alphanumeric() && !".-:[]".contains(c)).unwrap_or(host.len());
        let host = host.split_at(end).0;
        shown.push_str(host);
        if host.len() < url.len() {
            shown.push_str("/...");
        }
        rest = left;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_follows_the_host_of_a_url_is_not_shown() {
        for (text, shown) in [
            ("https://user:pass@rpc.example/v2/KEY?k=KEY", "https://rpc.example/..."),
            ("https://user:pa,KEY'KEY]@rpc.example/v2", "https://rpc.example/..."),
            ("https://user:pa/KEY@rpc.example/v2", "https:///..."),
            ("\"http://127.0.0.1:8545\", `wss://x.y/KEY` and htp://u:KEY@[::1]:5", {
                "\"http://127.0.0.1:8545\", `wss://x.y/...` and htp://[::1]:5/..."
            }),
        ] {
            assert_eq!(without_paths_of_urls(text), shown);
        }
    }

    #[test]
    fn settings_that_may_be_secrets_are_hidden_where_they_stand_and_where_a_finding_repeats_them() {
        let settings = Settings::of(
            "moniker = \"m\" # KEY\n[bridge]\nbase_rpc = \"rpc.example/v2/KEY\"\n\
             endpoints = [\"https://a:KEY@b.example/KEY\", \"KEY\"]\n\
             [comet.raw.tx_index]\npsql-conn = \"user=u password=KEY\"\n\
             [comet.raw.p2p]\ndial_timeout = \"5s\"\n[comet.raw.rpc]\npprof_laddr = \"a:KEY\"\n",
            [("DIEM_BRIDGE_ENDPOINTS".into(), "https://x.example, y.example/KEY".into())],
        );
        assert!(!settings.shown.contains("KEY"), "{}", settings.shown);
        for kept in ["moniker = \"m\"", "https://b.example/...", "dial_timeout = \"5s\""] {
            assert!(settings.shown.contains(kept), "{}", settings.shown);
        }
        let finding =
            Finding::advice("c", "`rpc.example/v2/KEY` is no URL", "https://u:KEY@x/KEY", "user=u password=KEY");
        let shown = settings.without_secrets(&finding);
        assert_eq!((&*shown.what, &*shown.why, &*shown.todo), ("`(hidden)` is no URL", "https://x/...", "(hidden)"));
        assert_eq!(
            settings.text_without_secrets("`y.example/KEY`: https://x.example"),
            "`(hidden)`: https://x.example"
        );
        assert!(!Settings::of("base_rpc = KEY", []).shown.contains("KEY"));
    }

    #[test]
    fn settings_that_are_not_known_are_hidden_with_all_that_is_in_them() {
        let settings = Settings::of(
            "base_rcp = \"SEKRETkey\"\nkey = 1234567\nshort = \"at\"\nlist = [[\"SEKRETkey\"], { a = \"SEKRETkey\" }]\n\
             [api]\nlisten = \"127.0.0.1:1\"\nkey = \"SEKRETkey\"\ncors = [{ key = \"SEKRETkey\" }]\n\
             [bridge.base_rpc]\nurl = \"SEKRETkey\"\n[comet.raw]\nevent_bus_buffer_capacity = 7\n\
             [comet.raw.tx_index]\npsql-conn = \"SEKRET123\"\n[[brigde]]\nendpoints = [\"SEKRETkey\"]\n",
            [],
        );
        assert!(!settings.shown.contains("SEKRET") && !settings.shown.contains("1234567"), "{}", settings.shown);
        for kept in ["base_rcp = \"(hidden)\"", "listen = \"127.0.0.1:1\"", "event_bus_buffer_capacity = 7"] {
            assert!(settings.shown.contains(kept), "{}", settings.shown);
        }
        assert_eq!(settings.text_without_secrets("at SEKRETkey, SEKRET123"), "at (hidden), (hidden)");
    }

    #[test]
    fn what_follows_the_word_for_a_secret_in_free_text_is_not_shown() {
        for (text, shown) in [
            (
                "Authorization: Bearer KEY sent\nbearer  KEY\n",
                "Authorization: Bearer (hidden) sent\nbearer  (hidden)\n",
            ),
            ("authorization: Basic KEY", "authorization: Basic (hidden)"),
            ("rpc.example?a=1&apiKey=KEY&token=KEY height=7", "rpc.example?a=1&apiKey=(hidden) height=7"),
            ("{\"m\":\"x?key=KEY\",\"h\":7}", "{\"m\":\"x?key=(hidden)\",\"h\":7}"),
            ("password=\"KEY KEY\" h=7 PASSWORD=KEY", "password=\"(hidden)\" h=7 PASSWORD=(hidden)"),
            ("{\"m\":\"token=\\\"KEY KEY\\\" h=7\"}", "{\"m\":\"token=\\\"(hidden)\" h=7\"}"),
            ("secret=ü€KEY password: KEY", "secret=(hidden) password: (hidden)"),
            ("key= and 10 keys", "key= (hidden) 10 keys"),
            ("a monkey, a tokens=, key=", "a monkey, a tokens=, key="),
            (
                "{\"token\":\"KEY\",\"password\" : \"KEY KEY\"} x",
                "{\"token\":\"(hidden)\",\"password\" : \"(hidden)\"} x",
            ),
            ("x-api-key: KEY api_key: KEY passwd=KEY 'pass': 'KEY'", {
                "x-api-key: (hidden) api_key: (hidden) passwd=(hidden) 'pass': '(hidden)'"
            }),
            ("ran x --password KEY --api-key KEY now", "ran x --password (hidden) --api-key (hidden) now"),
            ("mnemonic=\"KEY KEY\" h=7 seed phrase: KEY KEY\nnext", {
                "mnemonic=\"(hidden)\" h=7 seed phrase: (hidden)\nnext"
            }),
            ("endpoint=one.example/v2/KEY url=https://a.b/... rpc=c.d", {
                "endpoint=one.example/(hidden) url=https://a.b/... rpc=c.d"
            }),
            ("passed 3, the key is the validator's", "passed 3, the key is the validator's"),
        ] {
            assert_eq!(plain(text), shown);
        }
    }
}
