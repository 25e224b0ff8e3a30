//! Output that cannot be written, which is neither a full disk of the node nor ill health.

use std::fs;

use super::doctor::ready;
use crate::support::{
    ports::Ports,
    process::{diemd, words},
    single::{Single, instant_home},
};

#[tokio::test(flavor = "multi_thread")]
async fn output_that_cannot_be_written_is_no_full_disk_of_the_node_and_no_ill_health() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let home = instant_home(folder.path(), &ports);
    let node = Single::start(&home, &[]);
    ready(&home, &[]).await;
    let sentence = "standard output cannot be written: No space left on device";
    for (line, code) in [
        ("doctor", 1),
        ("peers", 1),
        ("log level", 1),
        ("config show", 1),
        ("completions bash", 1),
        ("healthz", 0),
        ("healthz --ready", 0),
    ] {
        let mut command = diemd();
        command.args(line.split(' ')).env("DIEM_HOME", &home);
        let ran = command.stdout(fs::File::options().write(true).open("/dev/full").unwrap()).output().unwrap();
        assert!(ran.status.code() == Some(code) && words(&ran).contains(sentence), "{line}: {}", words(&ran));
    }
    // Who is not well is not well there either.
    drop(node);
    let mut command = diemd();
    command.arg("healthz").env("DIEM_HOME", &home).stdout(fs::File::options().write(true).open("/dev/full").unwrap());
    assert_eq!(command.output().unwrap().status.code(), Some(1));
}
