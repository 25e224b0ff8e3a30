//! What tests leave out on a machine that cannot do it.

use std::{
    fmt::Display,
    io::{self, Write as _},
    thread,
};

/// The variable with the names of what must not be left out; `make test` sets it to what `scripts/abilities.sh` finds.
const NEEDED: &str = "TESTS_NEED";

/// What some machines cannot do, or not for some users. `scripts/abilities.sh` has the same names.
pub const ABILITIES: [&str; 9] =
    ["mounts", "networks", "users", "fuse", "threads", "root", "go", "terminal", "systemd-analyze"];

/// Says that a test leaves something out because this machine lacks an ability. The line is seen although the test passes:
/// the test harness keeps back what is printed by macros only.
///
/// # Panics
/// It must not be left out.
pub fn left_out(ability: &str, why: impl Display) {
    assert!(ABILITIES.contains(&ability), "`{ability}` is not known");
    let needed = std::env::var(NEEDED).unwrap_or_default();
    assert!(
        !needed.split_whitespace().any(|name| name == ability),
        "{NEEDED} says that this machine has `{ability}`, and the test finds that it has not: {why}"
    );
    say(&why);
}

/// Says that a test leaves something out.
pub fn say(why: &(impl Display + ?Sized)) {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    // A closed standard error stops no test.
    let _ = writeln!(io::stderr(), "left out of {test}: {why}");
}

#[test]
fn what_make_says_that_this_machine_can_do_is_what_tests_leave_out() {
    let script = crate::docs::root().join("scripts/abilities.sh");
    let said = std::process::Command::new(&script).output().unwrap();
    assert!(said.status.success());
    let said = String::from_utf8(said.stdout).unwrap();
    let unknown: Vec<&str> = said.split_whitespace().filter(|name| !ABILITIES.contains(name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    // One that it never looks for would be left out for ever without a word.
    let text = std::fs::read_to_string(&script).unwrap();
    let forgotten: Vec<&&str> = ABILITIES.iter().filter(|name| !text.contains(&format!("\ncan {name} "))).collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}
