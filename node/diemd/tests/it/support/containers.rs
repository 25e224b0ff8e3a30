//! A container engine: podman, asked by Docker's own compose over its socket, with the images of `scripts/image.sh`.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{
    client::PATIENCE,
    process::{Ended, signal},
};
use crate::docs::root;

/// The version of the images, as the compose files name them.
pub const TAG: &str = "0.1.0";
/// The user and the group of the images.
pub const USER: u32 = 10_001;

/// What a file of an image is: its mode, its owners, and the hash of its content or the target of a link.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    pub mode: u32,
    pub owner: (u32, u32),
    pub bytes: u64,
    pub content: String,
}

/// The engine, with a folder that keeps its images, and its service, which ends with it.
pub struct Engine {
    folder: PathBuf,
    service: Option<Ended>,
}

impl Engine {
    /// The folder beside the archives of the set-up that keeps images from one proof to the next.
    pub fn folder() -> PathBuf {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.unwrap_or_else(|| Path::new(&std::env::var_os("HOME").unwrap()).join(".cache"));
        cache.join("diem/image")
    }

    /// Builds both images from the sources, each anew.
    pub fn build() -> Self {
        let folder = Self::folder();
        let built = Command::new(root().join("scripts/image.sh")).arg(&folder).arg(TAG).status().unwrap();
        assert!(built.success(), "the images are not built: {built}");
        Self { folder, service: None }
    }

    /// The engine with the images that were built before.
    pub fn with_what_is_built() -> Self {
        Self { folder: Self::folder(), service: None }
    }

    /// Starts the service that compose asks.
    pub fn serve(&mut self) {
        let socket = self.socket();
        let _ = fs::remove_file(&socket);
        let mut service = self.command("podman");
        service.args(["system", "service", "--time", "0", &format!("unix://{}", socket.display())]);
        let service = service.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.service = Some(Ended(service));
        let started = Instant::now();
        while !socket.exists() {
            assert!(started.elapsed() < PATIENCE, "podman does not serve");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("podman.sock")
    }

    /// A program with the environment that the script has written.
    pub fn command(&self, program: &str) -> Command {
        let mut path = OsString::from(self.folder.join("bin"));
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        // A program is looked for in the path of this process, not in the one that it is given.
        let own = self.folder.join("bin").join(program);
        let mut command = if own.exists() { Command::new(own) } else { Command::new(program) };
        command
            .env("PATH", path)
            .env("CONTAINERS_STORAGE_CONF", self.folder.join("storage.conf"))
            .env("CONTAINERS_CONF", self.folder.join("containers.conf"))
            .env("DOCKER_HOST", format!("unix://{}", self.socket().display()))
            .current_dir(root());
        command
    }

    /// Runs podman to its end; returns what it prints.
    pub fn podman(&self, args: &[&str]) -> String {
        let ran = self.command("podman").args(args).stdin(Stdio::null()).output().unwrap();
        assert!(ran.status.success(), "podman {args:?}: {}", told(&ran));
        String::from_utf8(ran.stdout).unwrap().trim().to_owned()
    }

    /// What podman knows of a container or an image.
    pub fn inspect(&self, kind: &str, name: &str) -> Value {
        let told = self.podman(&[kind, "inspect", name]);
        serde_json::from_str::<Vec<Value>>(&told).unwrap().swap_remove(0)
    }

    /// The process id of a container's first process, as this machine has it.
    pub fn pid(&self, container: &str) -> u32 {
        u32::try_from(self.inspect("container", container)["State"]["Pid"].as_u64().unwrap()).unwrap()
    }

    /// Puts a file that its owner alone may read into a volume, for the user of the images.
    pub fn put(&self, volume: &str, file: &str, text: &str) {
        let folder = self.inspect("volume", volume)["Mountpoint"].as_str().unwrap().to_owned();
        let path = Path::new(&folder).join(file);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        chown(&path, Some(USER), Some(USER)).unwrap();
    }

    /// Sends a signal to a container's first process, past the engine, for which it is as if the program itself had ended.
    pub fn signal(&self, container: &str, what: Signal) {
        signal(self.pid(container), what);
    }

    /// Runs the health check of a container once, as an engine does at each interval; returns the health that it leaves.
    pub fn health(&self, container: &str) -> String {
        let mut check = self.command("podman");
        check.args(["healthcheck", "run", container]).stdin(Stdio::null()).output().unwrap();
        self.inspect("container", container)["State"]["Health"]["Status"].as_str().unwrap().to_owned()
    }

    /// All files of an image by their paths, without their times.
    pub fn content(&self, image: &str) -> BTreeMap<PathBuf, Entry> {
        let place = PathBuf::from(self.podman(&["image", "mount", image]));
        let (mut found, mut folders) = (BTreeMap::new(), vec![place.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().flatten() {
                let (path, meta) = (entry.path(), entry.metadata().unwrap());
                let content = if meta.is_dir() {
                    folders.push(path.clone());
                    String::new()
                } else if meta.is_symlink() {
                    fs::read_link(&path).unwrap().display().to_string()
                } else {
                    hex::encode(Sha256::digest(fs::read(&path).unwrap()))
                };
                let bytes = if meta.is_file() { meta.len() } else { 0 };
                let entry = Entry { mode: meta.permissions().mode(), owner: (meta.uid(), meta.gid()), bytes, content };
                found.insert(path.strip_prefix(&place).unwrap().to_owned(), entry);
            }
        }
        self.podman(&["image", "unmount", image]);
        found
    }
}

/// One compose file, with another one put over it, in a folder of the test.
pub struct Compose<'a> {
    engine: &'a Engine,
    file: &'static str,
    folder: PathBuf,
    /// The variables for which the compose file has places.
    pub variables: Vec<(&'static str, String)>,
}

impl<'a> Compose<'a> {
    /// Takes a compose file and the text of what is put over it. Commands run in the folder, which gets what they write.
    pub fn new(engine: &'a Engine, file: &'static str, folder: &Path, otherwise: &str) -> Self {
        fs::create_dir(folder).unwrap();
        symlink(root().join("docker"), folder.join("docker")).unwrap();
        fs::write(folder.join("otherwise.yml"), otherwise).unwrap();
        Self { engine, file, folder: folder.into(), variables: Vec::new() }
    }

    /// Where its commands run.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs compose with these arguments to its end.
    pub fn output(&self, args: &[&str]) -> Output {
        let mut compose = self.engine.command("docker-compose");
        compose.args(["-f", &format!("docker/{}", self.file), "-f", "otherwise.yml"]).args(args);
        compose.envs(self.variables.iter().cloned()).current_dir(&self.folder).stdin(Stdio::null()).output().unwrap()
    }

    /// The arguments of a line of the book.
    pub fn arguments<'l>(&self, line: &'l str) -> Vec<&'l str> {
        let args = line.strip_prefix(&format!("docker compose -f docker/{} ", self.file));
        args.unwrap_or_else(|| panic!("`{line}` is for another file")).split(' ').collect()
    }

    /// Runs a line of the book, with more arguments at its end; returns what it prints.
    pub fn line(&self, line: &str, more: &[&str]) -> String {
        let ran = self.output(&[self.arguments(line), more.to_vec()].concat());
        assert!(ran.status.success(), "{line}: {}", told(&ran));
        told(&ran)
    }
}

impl Drop for Compose<'_> {
    fn drop(&mut self) {
        let _ = self.output(&["--profile", "*", "down", "--volumes", "--timeout", "20"]);
    }
}

/// Both outputs of a command.
fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
