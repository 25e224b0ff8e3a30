//! One file with what support needs to see of a node, and no secret.

use std::{
    collections::BTreeSet,
    fs::{self, File, Metadata},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

use diem_config::signing_state;
use diem_host::home::Home;
use serde_json::json;

use super::{Examined, Finding, keys, owners, redaction::Settings};

/// The deepest folder whose files are listed, and the most files of it.
const DEPTH: usize = 4;
const MOST_FILES: usize = 2_000;
/// The last bytes of each of the two newest files of the log that are shown.
const LOG_BYTES: u64 = 256 << 10;

/// Writes a tar archive that its owner alone can read: what the doctor found, what the node says that runs, the end of its
/// log, the chain, versions, the settings without comments, and a list of files with their sizes and modes; all of it without
/// what may be a secret. Nothing of a key file is read.
///
/// # Errors
/// The file is there already, or the disk refuses.
pub(crate) fn write(home: &Home, examined: &Examined, to: &Path) -> io::Result<()> {
    let file = File::options().write(true).create_new(true).mode(0o600).open(to)?;
    let mut tar = tar::Builder::new(file);
    let versions = json!({
        "diemd": env!("CARGO_PKG_VERSION"),
        "cometbft": diem_comet::VERSION,
        "app_version": diem_types::APP_VERSION,
        "system": fs::read_to_string("/proc/version").unwrap_or_default().trim(),
    });
    let genesis = diem_genesis::load(&home.genesis_file(), None);
    let chain = match &genesis {
        Ok(genesis) => json!({ "chain_id": genesis.chain_id, "genesis_hash": hex::encode(genesis.hash()) }),
        Err(error) => json!({ "none": error.to_string() }),
    };
    let config = Settings::of(&fs::read_to_string(home.config_file()).unwrap_or_default(), std::env::vars());
    let findings: Vec<Finding> = examined.findings.iter().map(|finding| config.without_secrets(finding)).collect();
    let secrets = keys::secrets(home).iter().filter_map(|file| fs::metadata(file).ok().map(id)).collect();
    let height = signing_state::height(&signing_state::file_of(&home.comet())).ok();
    let parts = [
        ("findings.json", serde_json::to_string_pretty(&findings).map_err(io::Error::from)?),
        ("versions.json", format!("{versions:#}")),
        ("chain.json", config.text_without_secrets(&format!("{chain:#}"))),
        ("readyz.json", config.text_without_secrets(&format!("{:#}", examined.answers.ready))),
        ("status.json", config.text_without_secrets(&format!("{:#}", examined.answers.status))),
        ("log.txt", config.text_without_secrets(&log(examined.log.as_deref(), &secrets))),
        ("config.toml", config.shown),
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

/// What tells a file from all others, by whatever path it is reached.
fn id(meta: Metadata) -> (u64, u64) {
    (meta.dev(), meta.ino())
}

/// The last lines of the node's own log, or why there are none.
fn log(file: Option<&Path>, secrets: &BTreeSet<(u64, u64)>) -> String {
    let Some(file) = file else {
        return "log.file is not set: the log is where the node's standard error goes, such as journalctl -u diemd\n"
            .into();
    };
    // The file that is written may just have been begun.
    let mut older = file.as_os_str().to_owned();
    older.push(".1");
    let before = last_lines(Path::new(&older), LOG_BYTES, secrets).unwrap_or_default();
    match last_lines(file, LOG_BYTES, secrets) {
        Ok(lines) => before + &lines,
        Err(error) => format!("{before}{} cannot be read: {error}\n", file.display()),
    }
}

/// The lines that begin within so many last bytes of a file. Half a line is left out: where its beginning is missing, a
/// secret in it is not known as one.
fn last_lines(file: &Path, most: u64, secrets: &BTreeSet<(u64, u64)>) -> io::Result<String> {
    let size = match fs::metadata(file)? {
        meta if secrets.contains(&id(meta.clone())) => return Err(io::Error::other("it holds a key")),
        meta if meta.is_file() => meta.len(),
        _ => return Err(io::Error::other("it is no ordinary file")),
    };
    let mut file = File::open(file)?;
    // One byte more tells whether a line begins with the first one.
    let from = size.saturating_sub(most).saturating_sub(1);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    if size <= most {
        return Ok(text.into_owned());
    }
    Ok(text.split_once('\n').map(|(_, lines)| lines.to_owned()).unwrap_or_default())
}

/// The files and folders of the home with size, mode and owner, without what is in them.
fn listed(home: &Home) -> String {
    let secrets = keys::secrets(home);
    let mut lines = Vec::new();
    owners::walk(home.root(), DEPTH, &mut |path, meta| {
        let kind = match meta.is_dir() {
            true => "/",
            false if secrets.iter().any(|secret| secret == path) => " key",
            false => "",
        };
        let name = path.strip_prefix(home.root()).unwrap_or(path).display();
        lines.push(format!("{:>12} {:04o} {} {name}{kind}", meta.len(), meta.mode() & 0o7777, meta.uid()));
    });
    lines.sort_unstable();
    lines.truncate(MOST_FILES);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_log_ends_with_whole_lines_and_names_what_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("node.log");
        let none = BTreeSet::new();
        assert!(log(Some(&file), &none).contains("node.log cannot be read"));
        assert!(log(None, &none).contains("log.file is not set"));
        fs::write(&file, "user=u password=KEY\nsecond\nthird\n").unwrap();
        for (most, lines) in [
            (100, "user=u password=KEY\nsecond\nthird\n"),
            (33, "user=u password=KEY\nsecond\nthird\n"),
            (32, "second\nthird\n"),
            (13, "second\nthird\n"),
            (12, "third\n"),
            (0, ""),
        ] {
            assert_eq!(last_lines(&file, most, &none).unwrap(), lines, "{most}");
        }
        fs::write(folder.path().join("node.log.1"), "older\n").unwrap();
        assert!(log(Some(&file), &none).starts_with("older\nuser=u"));
        assert!(last_lines(folder.path(), 9, &none).unwrap_err().to_string().contains("no ordinary file"));
    }
}
