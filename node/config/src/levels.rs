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
    // The last part for a module counts, and a part for the module wins over one for everything.
    let level = |of: &str| parts(text).filter(|(module, _)| *module == of).last().map(|(_, level)| level);
    if level(CONSENSUS).or_else(|| level("*")).unwrap_or(DEFAULT) != "none" {
        return text.into();
    }
    let all = if text.contains(':') { text.into() } else { format!("*:{text}") };
    format!("{all},{CONSENSUS}:error")
}

#[cfg(test)]
mod tests {
    use super::*;

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
