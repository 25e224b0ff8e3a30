//! The log levels that CometBFT is given.
//!
//! Consensus in it can fail while its process lives on, and a line of its log is the only sign of that: its RPC answers
//! as before. So errors of consensus are always logged, whatever level the owner sets.

/// The levels that CometBFT knows.
pub(crate) const LEVELS: [&str; 4] = ["debug", "info", "error", "none"];
/// The level that CometBFT takes for modules that are not named.
const DEFAULT: &str = "info";
/// The module that reports a failure of consensus.
const CONSENSUS: &str = "consensus";
/// The module that reports the remote signer.
const SIGNER: &str = "privval";

/// The parts of a level text: `module:level,*:level`, or one level for everything.
fn parts(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(',').map(|part| part.split_once(':').unwrap_or(("*", part)))
}

/// Whether CometBFT accepts the text.
pub(crate) fn is_good(text: &str) -> bool {
    parts(text).all(|(module, level)| !module.is_empty() && LEVELS.contains(&level))
}

/// The text with errors of consensus added, where it leaves them out.
pub fn with_failures(text: &str) -> String {
    let leaves_out = level(text, CONSENSUS) == "none";
    if leaves_out { with(text, CONSENSUS, "error") } else { text.into() }
}

/// The text with what CometBFT says of its remote signer added, where it leaves that out.
pub fn with_signer(text: &str) -> String {
    let has_it = matches!(level(text, SIGNER), "debug" | "info");
    if has_it { text.into() } else { with(text, SIGNER, "info") }
}

/// The level of a module. The last part for it counts, and a part for it wins over one for everything.
fn level<'a>(text: &'a str, module: &str) -> &'a str {
    let last = |of: &str| parts(text).filter(|(named, _)| *named == of).last().map(|(_, level)| level);
    last(module).or_else(|| last("*")).unwrap_or(DEFAULT)
}

fn with(text: &str, module: &str, level: &str) -> String {
    let all = if text.contains(':') { text.into() } else { format!("*:{text}") };
    format!("{all},{module}:{level}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_remote_signer_is_asked_for() {
        for (asked, told) in [
            ("main:info,*:error", "main:info,*:error,privval:info"),
            ("error", "*:error,privval:info"),
            ("privval:none,*:info", "privval:none,*:info,privval:info"),
            ("privval:debug,*:error", "privval:debug,*:error"),
            ("main:error", "main:error"),
            ("debug", "debug"),
        ] {
            assert_eq!(with_signer(asked), told, "{asked}");
        }
    }

    #[test]
    fn errors_of_consensus_are_always_asked_for() {
        for (asked, told) in [
            ("none", "*:none,consensus:error"),
            ("*:none", "*:none,consensus:error"),
            ("main:info,*:none", "main:info,*:none,consensus:error"),
            ("consensus:none", "consensus:none,consensus:error"),
            ("consensus:none,*:debug", "consensus:none,*:debug,consensus:error"),
            ("*:none,consensus:debug", "*:none,consensus:debug"),
            ("main:none", "main:none"),
            ("error", "error"),
            ("main:info,*:error", "main:info,*:error"),
        ] {
            assert_eq!(with_failures(asked), told, "{asked}");
            assert!(is_good(told), "{told}");
        }
    }
}
