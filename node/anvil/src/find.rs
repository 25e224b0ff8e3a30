//! The search for the anvil binary.
//!
//! The order is the path that the owner names, then `contracts/node_modules` of the checkout in which the program was
//! started, then our own cache, into which npm puts the release of `contracts/package-lock.json`. npm keeps the binary
//! in a package of its own for each platform; that file is started, without Node.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use diem_host::child;
use serde_json::{Value, json};

/// The release that is installed.
pub const VERSION: &str = "1.7.1";
/// The lock file of the contracts, which names the release by its hash.
const LOCK_FILE: &str = include_str!("../../../contracts/package-lock.json");
/// The prefix of the release's packages in it: npm's own, and one for each platform.
const PACKAGES: &str = "node_modules/@foundry-rs/anvil";
/// The longest wait for npm, which loads some 20 MB.
const INSTALL_PATIENCE: Duration = Duration::from_secs(300);
const TICK: Duration = Duration::from_millis(50);
/// The variable that makes tests fail which cannot be run without the binary.
const NEEDED: &str = "TESTS_NEED_ANVIL";

/// The reason why there is no anvil.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The file that was named is not there.
    #[error("there is no file {0}: name the anvil binary, or leave the flag out")]
    NoFile(PathBuf),
    /// It is not installed, and npm, which would install it, is not here.
    #[error(
        "anvil {VERSION} is not installed, and npm, which comes with Node.js 20 or newer and would install it, is not \
         in PATH: install Node.js (https://nodejs.org), or name an anvil binary"
    )]
    NoNpm,
    /// npm could not install it.
    #[error("npm could not install anvil {VERSION} into {}: {reason}", .folder.display())]
    Install {
        /// The folder into which it was to be installed.
        folder: PathBuf,
        /// The reason, in npm's words or the system's.
        reason: String,
    },
    /// There is no folder for the cache.
    #[error("neither XDG_CACHE_HOME nor HOME is set, so there is no folder for anvil: set one of them")]
    NoCache,
}

/// The binary, where it is installed already: named, in the checkout, or in the cache.
///
/// # Errors
/// [`FindError::NoFile`] if the named file is not there. `None` if no file was named and it is not installed.
pub fn find(named: Option<&Path>) -> Result<Option<PathBuf>, FindError> {
    if let Some(file) = named {
        return if file.is_file() { Ok(Some(file.into())) } else { Err(FindError::NoFile(file.into())) };
    }
    let here = std::env::current_dir().unwrap_or_default();
    let checkouts = here.ancestors().map(|folder| folder.join("contracts"));
    Ok(checkouts.chain(cache_folder()).map(|folder| binary_in(&folder)).find(|file| file.is_file()))
}

/// The binary for a test; without it a line says what is left out. Where the variable `TESTS_NEED_ANVIL` is set, as
/// `make test` sets it once it has installed the tools of the contracts, nothing is left out.
///
/// # Panics
/// The binary is not installed, and the variable is set.
pub fn find_for_tests() -> Option<PathBuf> {
    let found = find(None).ok().flatten();
    if found.is_none() {
        let is_needed = std::env::var_os(NEEDED).is_some_and(|value| !value.is_empty());
        assert!(!is_needed, "anvil is not installed here, and {NEEDED} is set: run `npm ci` in contracts/");
        // The words of the macros are kept from whoever runs tests that pass. A closed standard error keeps these too.
        let _ = writeln!(io::stderr(), "left out: anvil is not installed here (`npm ci` in contracts/ installs it)");
    }
    found
}

/// The binary, installed into the cache if it is nowhere; `say` is told before that, because it takes a while.
///
/// # Errors
/// [`FindError`] says what to do.
pub fn find_or_install(named: Option<&Path>, say: &dyn Fn(&str)) -> Result<PathBuf, FindError> {
    if let Some(file) = find(named)? {
        return Ok(file);
    }
    let folder = cache_folder().ok_or(FindError::NoCache)?;
    let npm = which("npm").ok_or(FindError::NoNpm)?;
    say(&format!("anvil {VERSION} is not installed: npm loads it once, into {}", folder.display()));
    install(&npm, &folder).map_err(|reason| FindError::Install { folder: folder.clone(), reason })?;
    let file = binary_in(&folder);
    let missing = || FindError::Install { folder, reason: "it has no binary for this platform".into() };
    if file.is_file() { Ok(file) } else { Err(missing()) }
}

/// The cache folder of this release: `$XDG_CACHE_HOME` or `~/.cache`, then `diem/anvil-VERSION`.
fn cache_folder() -> Option<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(std::env::var_os("HOME")?).join(".cache"),
    };
    Some(base.join("diem").join(format!("anvil-{VERSION}")))
}

/// The place of the binary in a folder in which npm installed it, by npm's names of this platform.
fn binary_in(folder: &Path) -> PathBuf {
    let system = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
    let processor = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    folder.join(format!("{PACKAGES}-{system}-{processor}/bin/anvil"))
}

fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Installs into a folder beside, which gets its name when it is complete: whoever finds the folder finds it whole.
fn install(npm: &Path, folder: &Path) -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    let beside = folder.with_extension(format!("new-{}", std::process::id()));
    fs::create_dir_all(&beside).map_err(text)?;
    let done = fill(npm, &beside).and_then(|()| match fs::rename(&beside, folder) {
        // Somebody else was faster, or an older attempt is incomplete.
        Err(_) if binary_in(folder).is_file() => Ok(()),
        Err(_) => fs::remove_dir_all(folder).and_then(|()| fs::rename(&beside, folder)).map_err(text),
        Ok(()) => Ok(()),
    });
    // It is gone if all went well.
    let _ = fs::remove_dir_all(&beside);
    done
}

fn fill(npm: &Path, folder: &Path) -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    let (manifest, lock) = manifest()?;
    fs::write(folder.join("package.json"), manifest.to_string()).map_err(text)?;
    fs::write(folder.join("package-lock.json"), lock.to_string()).map_err(text)?;
    let said = folder.join("npm.log");
    let mut command = Command::new(npm);
    command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&said).map_err(text)?);
    let mut npm = command.spawn().map_err(text)?;
    let started = Instant::now();
    let status = loop {
        match npm.try_wait().map_err(text)? {
            Some(status) => break status,
            None if started.elapsed() >= INSTALL_PATIENCE => {
                child::stop(&mut npm, Duration::from_secs(2));
                return Err(format!("it was not ready after {} s", INSTALL_PATIENCE.as_secs()));
            }
            None => std::thread::sleep(TICK),
        }
    };
    if status.success() {
        return Ok(());
    }
    let words = fs::read_to_string(&said).unwrap_or_default();
    Err(format!("it ended with {status}: {}", words.lines().take(5).collect::<Vec<_>>().join("; ")))
}

/// The manifest and the lock file of anvil alone, out of those of the contracts.
fn manifest() -> Result<(Value, Value), String> {
    let lock: Value = serde_json::from_str(LOCK_FILE).map_err(|error| error.to_string())?;
    let packages = lock["packages"].as_object().ok_or("the lock file has no packages")?;
    let manifest = json!({
        "name": "diem-anvil", "private": true, "devDependencies": {"@foundry-rs/anvil": VERSION},
    });
    let mut own = serde_json::Map::new();
    own.insert(String::new(), manifest.clone());
    own.extend(packages.iter().filter(|(name, _)| name.starts_with(PACKAGES)).map(|(k, v)| (k.clone(), v.clone())));
    let lock = json!({
        "name": "diem-anvil", "lockfileVersion": lock["lockfileVersion"], "requires": true, "packages": own,
    });
    Ok((manifest, lock))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn the_release_is_that_of_the_contracts_lock_file() {
        let (manifest, lock) = manifest().unwrap();
        assert_eq!(manifest["devDependencies"]["@foundry-rs/anvil"], VERSION);
        let packages = lock["packages"].as_object().unwrap();
        assert!(packages.len() > 3, "anvil and its platforms");
        for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
            assert_eq!(package["version"], VERSION, "{name}");
            assert!(package["integrity"].as_str().unwrap().starts_with("sha512-"), "{name}");
        }
        let here = binary_in(Path::new("")).to_str().unwrap().replace("/bin/anvil", "");
        assert!(packages.contains_key(&here), "{here}");
    }

    #[test]
    fn a_named_file_that_is_not_there_is_no_anvil() {
        let error = find(Some(Path::new("/nowhere/anvil"))).unwrap_err();
        assert_eq!(error.to_string(), "there is no file /nowhere/anvil: name the anvil binary, or leave the flag out");
    }
}
