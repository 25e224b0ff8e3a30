//! The image of a node: its Dockerfile, and its signer compiled as the image has it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{left_out::left_out, process::words};
use crate::docs::root;

/// The folder of the images.
pub fn docker() -> PathBuf {
    root().join("docker")
}

/// The instructions of the Dockerfile, each on one line, without comments.
pub fn instructions() -> Vec<String> {
    let text = fs::read_to_string(docker().join("Dockerfile")).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    joined.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Compiles the signer by the line of the Dockerfile that does; `None`, and a line that says so, where there is no Go.
pub fn signer_program(folder: &Path) -> Option<PathBuf> {
    let instructions = instructions();
    let line = instructions.iter().find_map(|line| line.strip_prefix("RUN go mod init signer")).unwrap();
    let line = format!("go mod init signer{line}").replace("/out/", "./");
    fs::create_dir(folder).unwrap();
    fs::copy(docker().join("signer/main.go"), folder.join("main.go")).unwrap();
    if Command::new("go").arg("version").output().is_err() {
        left_out("go", "there is no Go to compile the signer with");
        return None;
    }
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", &line]).env("COMETBFT", diem_comet::find::VERSION).env("CGO_ENABLED", "0");
    let made = shell.current_dir(folder).output().unwrap();
    assert!(made.status.success(), "{}", words(&made));
    Some(folder.join("signer"))
}
