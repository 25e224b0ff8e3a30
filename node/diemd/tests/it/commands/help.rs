//! The help pages: every verb stands under a heading, with its line, and the parser accepts the examples.

use std::process::Command;

fn help(words: &str) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_diemd")).args(words.split_whitespace()).arg("--help").output().unwrap();
    assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Reads the verbs of a help page, by heading.
fn verbs(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut heading = "";
    for line in page.lines() {
        if let Some(title) = line.strip_suffix(':').filter(|_| !line.starts_with(' ')) {
            heading = title;
        } else if let Some(verb) =
            line.strip_prefix("  ").filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
        {
            let name = verb.split_whitespace().next().unwrap();
            assert!(verb.split_whitespace().count() > 2, "`{name}` has no line of help");
            found.push((heading.to_owned(), name.to_owned()));
        }
    }
    found
}

#[test]
fn verbs_stand_under_headings_by_subject() {
    for (noun, expected) in [
        (
            "tx",
            &[
                ("Staking VVV", "stake"),
                ("Minting DIEM", "mint"),
                ("Providing compute", "settle"),
                ("Transactions in files", "sign"),
            ][..],
        ),
        (
            "query",
            &[("The chain and its accounts", "account"), ("Staking VVV", "validators"), ("Providers and days", "day")],
        ),
        (
            "bridge",
            &[
                ("Sending DIEM to Base", "out"),
                ("Bringing it back", "back"),
                ("Looking at it", "verify-supply"),
                ("Going on without a relayer", "replay"),
                ("Making the bridge", "prepare"),
                ("Looking after it", "pause"),
            ],
        ),
    ] {
        let page = help(noun);
        let found = verbs(&page);
        for (heading, verb) in expected {
            assert!(found.contains(&((*heading).into(), (*verb).into())), "{heading}: {verb}\n{page}");
        }
        assert!(page.contains("--node <URL>"), "{page}");
    }
}

#[test]
fn every_verb_that_sends_has_an_example() {
    let files = ["sign", "broadcast", "show"];
    let found = verbs(&help("tx"));
    assert!(found.len() > 35, "{found:?}");
    for (_, verb) in found.iter().filter(|(_, verb)| !files.contains(&verb.as_str())) {
        let page = help(&format!("tx {verb}"));
        assert!(page.contains(&format!("diemd tx {verb} ")), "{verb} has no example\n{page}");
        assert!(page.contains("The transaction:"), "{verb}\n{page}");
    }
}

#[test]
fn the_first_page_fits_a_screen() {
    let page = help("");
    assert!(page.lines().count() < 50, "{page}");
    for noun in ["tx", "query", "keys", "bridge", "validator", "voucher", "devnet"] {
        assert!(page.lines().any(|line| line.trim_start().starts_with(noun)), "{noun}\n{page}");
    }
}
