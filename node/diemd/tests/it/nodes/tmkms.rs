//! tmkms as the signer of a validator: it is compiled and configured as the book says.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::process::words;

/// The version that the book names. Version 0.15.0 answers without the signature of a vote's extension.
const VERSION: &str = "0.14.0";

/// tmkms with keys in files, compiled beside CometBFT, which takes minutes.
pub(super) fn program() -> PathBuf {
    let engine = diem_comet::find(None, &|text| eprintln!("{text}")).unwrap();
    let root = engine.path.parent().unwrap().join(format!("tmkms-{VERSION}"));
    let program = root.join("bin/tmkms");
    if !program.exists() {
        let mut command = Command::new("cargo");
        command.args(["install", "tmkms", "--version", VERSION, "--features", "softsign", "--root"]);
        let made = command.arg(&root).env_remove("CARGO_TARGET_DIR").output().unwrap();
        assert!(made.status.success(), "{}", words(&made));
    }
    program
}

/// Writes the configuration that the book shows, for this chain, address and folder; makes the key of the connection and
/// imports the consensus key.
pub(super) fn configure(program: &Path, folder: &Path, address: &str, chain: &str) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().join("docs/src/operate/signers.md");
    let page = fs::read_to_string(page).unwrap();
    let shown = page.split("```toml\n").find(|block| block.starts_with("[[chain]]")).unwrap();
    let shown = shown.split("```").next().unwrap();
    let (shared, validator) = shown.split_once("[[validator]]").unwrap();
    // The names of the files stay as they are.
    let of_chain = |text: &str, chain: &str| text.replace("\"diem-1\"", &format!("\"{chain}\""));
    let text = format!("{}[[validator]]{}", of_chain(shared, "diem-dev-1"), of_chain(validator, chain))
        .replace("tcp://10.0.0.7:26659", address)
        .replace("/var/lib/tmkms", folder.to_str().unwrap());
    fs::write(folder.join("tmkms.toml"), text).unwrap();
    if folder.join("connection.key").exists() {
        return;
    }
    let tmkms = |line: &[&str]| {
        let done = Command::new(program).arg("softsign").args(line).current_dir(folder).output().unwrap();
        assert!(done.status.success(), "{line:?}: {}", words(&done));
    };
    // A signing state that comes from elsewhere, in the form that the book shows.
    let state = page.split(['`']).find(|text| text.starts_with("{\"height\"")).unwrap().replace("1001", "1");
    fs::write(folder.join("diem-1.json"), state).unwrap();
    tmkms(&["keygen", "connection.key"]);
    tmkms(&["import", "key.json", "consensus.key"]);
}
