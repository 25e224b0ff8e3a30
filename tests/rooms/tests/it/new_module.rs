//! A new module is one crate and one line in each list that names modules. The exercise in `docs/develop/new-module` is
//! such a module as a patch, and it must fit the tree of today.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

const PATCH: &str = "docs/develop/new-module/counter.patch";
/// The folder of the module itself.
const CRATE: &str = "modules/counter/";
/// The files whose lists name modules or their calls.
const LISTS: [&str; 9] = [
    "Cargo.toml",
    "client/cli/src/receivers.rs",
    "runtime/app/src/modules.rs",
    "runtime/core/src/module.rs",
    "runtime/testkit/src/dearest/calls.rs",
    "runtime/testkit/src/dearest/mod.rs",
    "runtime/types/Cargo.toml",
    "runtime/types/src/genesis.rs",
    "runtime/types/src/lib.rs",
];
const MOST_LINES: usize = 120;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn patch() -> String {
    fs::read_to_string(root().join(PATCH)).expect("the patch")
}

/// The lines of the patch behind the names of files, each with its file.
fn changes(patch: &str) -> Vec<(&str, &str)> {
    let mut file = "";
    let mut changes = Vec::new();
    for line in patch.lines() {
        if let Some(name) = line.strip_prefix("+++ b/") {
            file = name;
        } else if line.starts_with("diff --git ") {
            file = "";
        } else if !file.is_empty() {
            changes.push((file, line));
        }
    }
    changes
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder in the copy");
    for entry in fs::read_dir(from).expect("a folder of this workspace") {
        let entry = entry.expect("an entry");
        let (name, kind) = (entry.file_name(), entry.file_type().expect("its kind"));
        if kind.is_dir() && name != "target" && name != ".git" && name != "node_modules" {
            copy(&entry.path(), &to.join(name));
        } else if kind.is_file() {
            fs::copy(entry.path(), to.join(name)).expect("a copy of a file");
        }
    }
}

fn succeeds(command: &mut Command) -> Output {
    let output = command.output().expect("the command starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A copy of the tree with the patch.
fn patched() -> tempfile::TempDir {
    let copied = tempfile::tempdir().expect("a temporary folder");
    copy(root(), copied.path());
    // Git must not take the copy for a part of a repository around it, of which it would apply nothing.
    let around = copied.path().parent().expect("a temporary folder lies in another");
    succeeds(
        Command::new("git").args(["apply", PATCH]).current_dir(copied.path()).env("GIT_CEILING_DIRECTORIES", around),
    );
    copied
}

#[test]
fn the_counter_is_small_and_one_line_in_each_list() {
    let patch = patch();
    let changes = changes(&patch);
    let added = changes.iter().filter(|(_, line)| line.starts_with('+')).count();
    assert!((1..=MOST_LINES).contains(&added), "the patch adds {added} lines, at most {MOST_LINES} are promised");
    let removed: Vec<_> = changes.iter().filter(|(_, line)| line.starts_with('-')).collect();
    assert!(removed.is_empty(), "a new module changes no line that is there: {removed:?}");
    let mut touched: Vec<_> = changes.iter().map(|(file, _)| *file).filter(|file| !file.starts_with(CRATE)).collect();
    touched.dedup();
    touched.sort_unstable();
    assert_eq!(touched, LISTS, "the files beside the crate");
    let more_than_one = changes.windows(2).find(|pair| {
        let [(file, first), (_, second)] = pair else { return false };
        !file.starts_with(CRATE) && first.starts_with('+') && second.starts_with('+')
    });
    assert_eq!(more_than_one, None, "a list has more than one new line");
}

#[test]
fn the_counter_applies_to_the_tree_and_builds() {
    let copied = patched();
    let module = fs::read_to_string(copied.path().join("modules/counter/src/lib.rs")).expect("the new module");
    assert!(module.contains("impl Module for Counter"));
    let list = fs::read_to_string(copied.path().join("runtime/app/src/modules.rs")).expect("a list");
    assert!(list.contains("init::<Counter>"), "the lists have their lines");
    // Building takes minutes, so that `make soak` does it.
    #[expect(clippy::disallowed_methods, reason = "the size of the test")]
    if std::env::var_os("DIEM_NEW_MODULE_BUILD").is_none() {
        return;
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-module");
    let cargo = |arguments: &[&str]| {
        let mut cargo = Command::new(env!("CARGO"));
        succeeds(cargo.args(arguments).current_dir(copied.path()).env("CARGO_TARGET_DIR", &target))
    };
    cargo(&["build", "--offline", "--workspace", "--bin", "diemd", "--test", "rooms"]);
    let output = cargo(&["test", "--offline", "-p", "diem-counter"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("an_increment_adds_one_and_says_so ... ok"), "{told}");
    cargo(&["check", "--offline", "--workspace", "--all-targets"]);
}
