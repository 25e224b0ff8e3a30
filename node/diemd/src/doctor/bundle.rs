//! One file with what support needs to see of a node, and no secret.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

use diem_config::signing_state;
use diem_host::home::Home;
use serde_json::json;

use super::{Finding, keys};

/// The deepest folder whose files are listed, and the most files of it.
const DEPTH: usize = 4;
const MOST_FILES: usize = 2_000;

/// Writes a tar archive that its owner alone can read: what the doctor found, versions, the settings without what follows
/// the host of a URL, and a list of files with their sizes and modes. Nothing of a key file is read.
///
/// # Errors
/// The file is there already, or the disk refuses.
pub(crate) fn write(home: &Home, findings: &[Finding], to: &Path) -> io::Result<()> {
    let file = File::options().write(true).create_new(true).mode(0o600).open(to)?;
    let mut tar = tar::Builder::new(file);
    let versions = json!({
        "diemd": env!("CARGO_PKG_VERSION"),
        "cometbft": diem_comet::VERSION,
        "app_version": diem_types::APP_VERSION,
        "system": fs::read_to_string("/proc/version").unwrap_or_default().trim(),
    });
    let config = fs::read_to_string(home.config_file()).unwrap_or_default();
    let height = signing_state::height(&signing_state::file_of(&home.comet())).ok();
    let parts = [
        ("findings.json", serde_json::to_string_pretty(findings).map_err(io::Error::from)?),
        ("versions.json", format!("{versions:#}")),
        ("config.toml", without_paths_of_urls(&config)),
        ("signing_height.json", json!({ "height": height }).to_string()),
        ("files.txt", listed(home)),
    ];
    for (name, text) in parts {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        tar.append_data(&mut header, name, text.as_bytes())?;
    }
    tar.into_inner()?.sync_all()
}

/// The text with each URL cut after its host: a provider's key is often part of its URL.
fn without_paths_of_urls(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at.saturating_add(3));
        shown.push_str(before);
        let end = after.find(['"', '\'', ' ', '\n', ',', ']']).unwrap_or(after.len());
        let (url, left) = after.split_at(end);
        let authority = url.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        shown.push_str(host);
        if host.len() < url.len() {
            shown.push_str("/...");
        }
        rest = left;
    }
    shown.push_str(rest);
    shown
}

/// The files of the home with size, mode and owner, without what is in them.
fn listed(home: &Home) -> String {
    let secrets = keys::secrets(home);
    let mut lines = Vec::new();
    list(home.root(), 0, &mut |path, meta| {
        let kind = if secrets.iter().any(|secret| secret == path) { " key" } else { "" };
        let name = path.strip_prefix(home.root()).unwrap_or(path).display();
        lines.push(format!("{:>12} {:04o} {} {name}{kind}", meta.len(), meta.mode() & 0o7777, meta.uid()));
    });
    lines.sort_unstable();
    lines.truncate(MOST_FILES);
    lines.join("\n")
}

fn list(folder: &Path, depth: usize, tell: &mut impl FnMut(&Path, &fs::Metadata)) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(meta) = entry.metadata() else { continue };
        if meta.is_dir() && depth < DEPTH {
            list(&entry.path(), depth.saturating_add(1), tell);
        } else {
            tell(&entry.path(), &meta);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_host_of_a_url_is_not_shown() {
        let text = "a = \"https://user:pass@rpc.example/v2/KEY?k=KEY\"\nb = [\"http://127.0.0.1:8545\", \"wss://x.y/KEY\"]\nc = 1\n";
        let shown = without_paths_of_urls(text);
        assert_eq!(
            shown,
            "a = \"https://rpc.example/...\"\nb = [\"http://127.0.0.1:8545\", \"wss://x.y/...\"]\nc = 1\n"
        );
    }
}
