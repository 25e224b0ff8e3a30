//! The search for the cometbft binary.
//!
//! The order is `--cometbft PATH`, then PATH, then our own cache, then `go install` of the exact release into that
//! cache.

use std::{
    fmt,
    fs::File,
    io,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

/// The release that this node is made for. Later patches of the same line are taken too.
pub const VERSION: &str = "0.38.25";
/// The module that `go install` is asked for.
const MODULE: &str = "github.com/cometbft/cometbft/cmd/cometbft@v0.38.25";
/// The release line, and the first patch of it that is accepted.
const LINE: (u64, u64) = (0, 38);
const FIRST_PATCH: u64 = 25;

/// The longest wait for a binary to print its version.
const VERSION_PATIENCE: Duration = Duration::from_secs(20);
/// The longest wait for the compilation.
const INSTALL_PATIENCE: Duration = Duration::from_secs(900);

/// The place where a binary was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The owner named its path.
    Named,
    /// The binary is in PATH.
    Path,
    /// The binary is in our cache.
    Cache,
    /// The binary was just compiled into our cache.
    Installed,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Named => "named by --cometbft",
            Self::Path => "found in PATH",
            Self::Cache => "from the cache",
            Self::Installed => "compiled just now with go install",
        })
    }
}

/// A binary of an accepted version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The path of the binary.
    pub path: PathBuf,
    /// The version that it prints.
    pub version: String,
    /// The place where it was found.
    pub source: Source,
}

/// The form is "CometBFT 0.38.25, found in PATH: /usr/bin/cometbft".
impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CometBFT {}, {}: {}", self.version, self.source, self.path.display())
    }
}

/// The reason why there is no binary to run.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The file that was named has another version.
    #[error(
        "{path} is CometBFT {found}, this node needs {VERSION}: name another with --cometbft or comet.binary, or leave it out"
    )]
    WrongVersion {
        /// The path of the file.
        path: PathBuf,
        /// The version that it prints.
        found: String,
    },
    /// The file that was named does not behave like CometBFT.
    #[error(
        "{path} cannot be used as CometBFT: {reason}; name another with --cometbft or comet.binary, or leave it out"
    )]
    Unusable {
        /// The path of the file.
        path: PathBuf,
        /// The way in which it failed, for people.
        reason: String,
    },
    /// Go is installed, and the compilation failed.
    #[error("go install {MODULE} failed: {reason}\n{}", how_to_get(), reason = .0)]
    Install(String),
    /// No binary was found, and there is no Go to compile one. The list has the binaries that were passed over and why.
    #[error("there is no CometBFT {VERSION} on this machine and no Go to compile it{}\n{}", others(.0), how_to_get())]
    Missing(Vec<String>),
}

fn others(passed: &[String]) -> String {
    if passed.is_empty() { String::new() } else { format!(" (passed over: {})", passed.join("; ")) }
}

fn how_to_get() -> String {
    format!(
        "Either install Go 1.22 or later (https://go.dev/dl) and start again, or put the cometbft file of \
         https://github.com/cometbft/cometbft/releases/tag/v{VERSION} into PATH or name it with --cometbft. \
         For development without it there is --engine instant."
    )
}

/// Finds the binary; `say` is told of long steps and of binaries that are passed over.
///
/// # Errors
/// [`FindError`] says what to do.
pub fn find(named: Option<&Path>, say: &dyn Fn(&str)) -> Result<Found, FindError> {
    let cache = cache_folder();
    find_in(named, std::env::var_os("PATH").as_deref(), cache.as_deref(), say)
}

/// Looks for the binary as [`find`] does, and compiles nothing.
///
/// # Errors
/// [`FindError`] says what to do. Where Go is installed, a missing binary is no error: the next start compiles it.
pub fn look(named: Option<&Path>) -> Result<(), FindError> {
    match present(named) {
        Err(FindError::Missing(_)) if std::env::var_os("PATH").is_some_and(|path| which("go", &path).is_some()) => {
            Ok(())
        }
        found => found.map(drop),
    }
}

/// Finds a binary that is there as [`find`] does, and compiles none.
///
/// # Errors
/// [`FindError`] says what to do.
pub fn present(named: Option<&Path>) -> Result<Found, FindError> {
    present_in(named, std::env::var_os("PATH").as_deref(), cache_folder().as_deref(), &|_| {})
}

/// The cache folder of this release: `$XDG_CACHE_HOME` or `~/.cache`, then `diem/cometbft-VERSION`.
pub fn cache_folder() -> Option<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(std::env::var_os("HOME")?).join(".cache"),
    };
    Some(base.join("diem").join(format!("cometbft-{VERSION}")))
}

fn find_in(
    named: Option<&Path>,
    path: Option<&std::ffi::OsStr>,
    cache: Option<&Path>,
    say: &dyn Fn(&str),
) -> Result<Found, FindError> {
    let found = present_in(named, path, cache, say);
    match (path.and_then(|path| which("go", path)), cache) {
        (Some(go), Some(cache)) if matches!(found, Err(FindError::Missing(_))) => install(&go, cache, say),
        _ => found,
    }
}

fn present_in(
    named: Option<&Path>,
    path: Option<&std::ffi::OsStr>,
    cache: Option<&Path>,
    say: &dyn Fn(&str),
) -> Result<Found, FindError> {
    if let Some(file) = named {
        return check(file, Source::Named);
    }
    let in_path = path.and_then(|path| which("cometbft", path));
    let in_cache = cache.map(|folder| folder.join("cometbft")).filter(|file| file.exists());
    let mut passed = Vec::new();
    for (file, source) in [(in_path, Source::Path), (in_cache, Source::Cache)] {
        let Some(file) = file else { continue };
        match check(&file, source) {
            Ok(found) => return Ok(found),
            Err(error) => {
                say(&format!("passed over: {error}"));
                passed.push(error.to_string());
            }
        }
    }
    Err(FindError::Missing(passed))
}

/// Runs a file for its version and checks it.
fn check(file: &Path, source: Source) -> Result<Found, FindError> {
    let unusable = |reason: String| FindError::Unusable { path: file.into(), reason };
    let output =
        run(Command::new(file).arg("version"), VERSION_PATIENCE).map_err(|error| unusable(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() {
        return Err(unusable(format!("`version` ends with {}", output.status)));
    }
    match fits(&text) {
        Some(true) => Ok(Found { path: file.into(), version: text, source }),
        Some(false) => Err(FindError::WrongVersion { path: file.into(), found: text }),
        None => Err(unusable(format!("`version` prints `{}`", text.chars().take(80).collect::<String>()))),
    }
}

/// Whether a version is accepted; `None` if the text is no version.
fn fits(version: &str) -> Option<bool> {
    let core = version.trim_start_matches('v').split(['-', '+']).next()?;
    let mut parts = core.split('.').map(|part| part.parse::<u64>().ok());
    let (major, minor, patch) = (parts.next()??, parts.next()??, parts.next()??);
    let pre_release = version.contains('-');
    Some((major, minor) == LINE && patch >= FIRST_PATCH && !pre_release)
}

/// Compiles the release into a folder beside the cache and moves it there when it is whole. A lock lets one process
/// compile at a time: the others wait and find the binary.
fn install(go: &Path, cache: &Path, say: &dyn Fn(&str)) -> Result<Found, FindError> {
    let failed = |error: io::Error| FindError::Install(error.to_string());
    let file = cache.join("cometbft");
    std::fs::create_dir_all(cache).map_err(failed)?;
    let lock = File::create(cache.join(".lock")).map_err(failed)?;
    lock.lock().map_err(failed)?;
    if file.exists()
        && let Ok(found) = check(&file, Source::Cache)
    {
        return Ok(found);
    }
    say(&format!("compiling CometBFT {VERSION} with {} (about a minute, once)", go.display()));
    let build = cache.join("build");
    std::fs::create_dir_all(&build).map_err(failed)?;
    // It runs outside of any module, so that no go.mod of the caller's folder has an effect.
    let mut command = Command::new(go);
    command.args(["install", MODULE]).env("GOBIN", &build).env("GO111MODULE", "on").current_dir(&build);
    let made = run(&mut command, INSTALL_PATIENCE).map_err(failed).and_then(|output| {
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(FindError::Install(last_lines(&text, 5)));
        }
        std::fs::rename(build.join("cometbft"), &file).map_err(failed)
    });
    let _ = std::fs::remove_dir_all(&build);
    made?;
    check(&file, Source::Installed)
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.trim().lines().collect();
    lines.get(lines.len().saturating_sub(count)..).unwrap_or_default().join("\n")
}

/// The first executable file called `name` in the folders of `path`.
fn which(name: &str, path: &std::ffi::OsStr) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let runs = |file: &PathBuf| {
        std::fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(path).map(|folder| folder.join(name)).find(runs)
}

/// Runs a command to its end, or kills it after `patience`.
fn run(command: &mut Command, patience: Duration) -> io::Result<Output> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    diem_host::service::conceal(command);
    // A compilation does not go on for a program that was ended meanwhile.
    diem_host::child::die_with_thread(command);
    let mut child = match command.spawn() {
        // The file was just written, and a child that another thread is starting still holds it open for writing.
        Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
            std::thread::sleep(Duration::from_millis(200));
            command.spawn()?
        }
        other => other?,
    };
    let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if started.elapsed() > patience {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("no end after {} s", patience.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let gather = |thread: std::thread::JoinHandle<Vec<u8>>| thread.join().unwrap_or_default();
    Ok(Output { status, stdout: gather(stdout), stderr: gather(stderr) })
}

/// Reads a pipe on a thread of its own, so that a full one never stops the child.
fn collect(pipe: Option<impl io::Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(mut pipe) = pipe {
            // The error is dropped: the bytes that were read before it are all that can be reported.
            let _ = pipe.read_to_end(&mut text);
        }
        text
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn script(folder: &Path, name: &str, body: &str) -> PathBuf {
        let file = folder.join(name);
        std::fs::write(&file, format!("#!/bin/sh\n{body}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        file
    }

    fn silent(_: &str) {}

    #[test]
    fn versions_of_the_line_from_the_pin_on_will_do() {
        for good in ["0.38.25", "v0.38.25", "0.38.26", "0.38.25+abc123"] {
            assert_eq!(fits(good), Some(true), "{good}");
        }
        for other in ["0.38.24", "0.37.99", "0.39.0", "1.0.1", "0.38.25-rc1"] {
            assert_eq!(fits(other), Some(false), "{other}");
        }
        for none in ["", "hello", "0.38", "0.38.x"] {
            assert_eq!(fits(none), None, "{none}");
        }
    }

    #[test]
    fn a_named_binary_of_another_version_is_refused_with_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let file = script(folder.path(), "comet", "echo 1.0.1");
        let error = find_in(Some(&file), None, None, &silent).unwrap_err().to_string();
        assert!(error.contains("is CometBFT 1.0.1, this node needs 0.38.25: name another with --cometbft"), "{error}");
    }

    #[test]
    fn a_named_file_that_is_something_else_is_refused_with_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        for body in ["echo what?", "exit 3"] {
            let file = script(folder.path(), "comet", body);
            let error = find_in(Some(&file), None, None, &silent).unwrap_err();
            assert!(matches!(error, FindError::Unusable { .. }), "{error}");
        }
        let error = find_in(Some(Path::new("/nowhere/comet")), None, None, &silent).unwrap_err();
        assert!(error.to_string().contains("/nowhere/comet cannot be used as CometBFT"), "{error}");
    }

    #[test]
    fn path_comes_before_the_cache_and_a_wrong_one_is_passed_over() {
        let (path, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        script(cache.path(), "cometbft", "echo 0.38.25");
        let find = |say: &dyn Fn(&str)| find_in(None, Some(path.path().as_os_str()), Some(cache.path()), say);
        assert_eq!(find(&silent).unwrap().source, Source::Cache);

        let wrong = script(path.path(), "cometbft", "echo 0.37.1");
        let heard = std::cell::RefCell::new(String::new());
        let found = find(&|text: &str| heard.borrow_mut().push_str(text)).unwrap();
        assert_eq!(found.source, Source::Cache);
        assert!(heard.borrow().contains("is CometBFT 0.37.1"), "{}", heard.borrow());

        std::fs::remove_file(wrong).unwrap();
        let file = script(path.path(), "cometbft", "echo 0.38.25");
        let found = find(&silent).unwrap();
        assert_eq!(found, Found { path: file, version: "0.38.25".into(), source: Source::Path });
    }

    #[test]
    fn go_compiles_into_the_cache_what_is_nowhere() {
        let (path, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let cache = cache.path().join("deep/cometbft");
        // This script stands for the compiler: it checks its arguments and puts a binary where GOBIN says.
        let body = "[ \"$1 $2\" = \"install github.com/cometbft/cometbft/cmd/cometbft@v0.38.25\" ] || exit 9\n\
                    printf '#!/bin/sh\\necho 0.38.25\\n' > \"$GOBIN/cometbft\"; /bin/chmod 755 \"$GOBIN/cometbft\"";
        script(path.path(), "go", body);
        // Who only wants one that is there has none compiled.
        let present = present_in(None, Some(path.path().as_os_str()), Some(&cache), &silent);
        assert!(matches!(present, Err(FindError::Missing(_))) && !cache.exists());
        // Of several at once, one compiles and the others wait for it.
        let find = || find_in(None, Some(path.path().as_os_str()), Some(&cache), &silent).unwrap();
        let found: Vec<Found> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(find)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(found.iter().all(|found| found.path == cache.join("cometbft")));
        assert_eq!(found.iter().filter(|found| found.source == Source::Installed).count(), 1, "{found:?}");
        assert!(!cache.join("build").exists());

        std::fs::remove_dir_all(&cache).unwrap();
        script(path.path(), "go", "echo no route to proxy >&2; exit 1");
        let error = find_in(None, Some(path.path().as_os_str()), Some(&cache), &silent).unwrap_err().to_string();
        assert!(error.contains("no route to proxy") && error.contains("https://go.dev/dl"), "{error}");
    }

    #[test]
    fn without_any_of_it_the_error_says_what_to_install() {
        let error = find_in(None, None, None, &silent).unwrap_err().to_string();
        for part in ["no CometBFT 0.38.25", "https://go.dev/dl", "releases/tag/v0.38.25", "--engine instant"] {
            assert!(error.contains(part), "{part} in: {error}");
        }
    }
}
