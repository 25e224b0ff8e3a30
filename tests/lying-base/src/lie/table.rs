//! How each lie is written on the command line, with a sentence for its help.

use std::sync::Arc;

use super::Lie;
use crate::header;

/// How a lie is written.
#[derive(Debug)]
pub struct Form {
    /// The name of the lie.
    pub name: &'static str,
    /// What follows `=`, as the help shows it; empty if nothing does.
    pub value: &'static str,
    /// The value that stands for none.
    pub default: &'static str,
    /// What the lie does, in one sentence.
    pub sentence: &'static str,
    make: fn(&str) -> Option<Lie>,
}

impl Form {
    /// The lie with this value; `None` if the value is none of this lie.
    pub(super) fn read(&self, value: &str) -> Option<Lie> {
        (self.make)(value)
    }
}

/// A lie without a parameter.
macro_rules! plain {
    ($name:literal, $lie:ident, $sentence:literal) => {
        Form { name: $name, value: "", default: "", sentence: $sentence, make: |_| Some(Lie::$lie) }
    };
}

/// A lie whose parameter is a number, with the least one that makes sense.
macro_rules! number {
    ($name:literal, $lie:ident, $value:literal, $default:literal, $least:literal, $sentence:literal) => {
        Form {
            name: $name,
            value: $value,
            default: $default,
            sentence: $sentence,
            make: |value| value.parse().ok().filter(|value| ($least..=u64::MAX).contains(value)).map(Lie::$lie),
        }
    };
}

/// A lie whose parameter is a field of a header.
macro_rules! field {
    ($name:literal, $lie:ident, $sentence:literal) => {
        Form {
            name: $name,
            value: "FIELD",
            default: "timestamp",
            sentence: $sentence,
            make: |value| header::has_field(value).then(|| Lie::$lie(value.into())),
        }
    };
}

/// Every lie, in the order in which the help lists them.
pub const FORMS: &[Form] = &[
    number!("drop-logs", DropLogs, "N", "1", 1, "leaves out one log in N, chosen by the seed; all of them with 1"),
    number!("delay-logs", DelayLogs, "BLOCKS", "5", 1, "does not show the logs of the newest blocks yet"),
    plain!("duplicate-logs", DuplicateLogs, "shows each log twice"),
    plain!("reorder-logs", ReorderLogs, "shows the logs of an answer in the reverse order"),
    plain!("move-logs", MoveLogs, "shows the logs of all blocks as if they lay in the first one that was asked for"),
    plain!("forge-logs", ForgeLogs, "changes a bit in the data of each log; in an event of the bridge, of its payload"),
    plain!("invent-logs", InventLogs, "adds a log that never was to the end of each answer"),
    field!("forge-header", ForgeHeader, "changes a field of each header and keeps the true hash"),
    field!("forge-header-rehashed", ForgeHeaderRehashed, "changes a field of each header and computes its hash anew"),
    plain!("forge-state-root", ForgeStateRoot, "makes up the state root of each header and computes its hash anew"),
    plain!("timestamp-ms", TimestampMs, "adds `timestampMs`, which no hash covers, to each block: harmless"),
    plain!(
        "unknown-header-field",
        UnknownHeaderField,
        "adds a field to each header that its hash covers, as a fork does"
    ),
    plain!("forge-account", ForgeAccount, "shows another nonce of each account than its proof does"),
    plain!("forge-slot", ForgeSlot, "shows another value of each slot than its proof does"),
    plain!("forge-code-hash", ForgeCodeHash, "shows another code hash of each account than its proof does"),
    plain!("forge-proof", ForgeProof, "changes a bit in the last node of each proof"),
    plain!("forge-absent-slot", ForgeAbsentSlot, "says that slots are empty, with the genuine proof of another slot"),
    plain!(
        "forge-absent-account",
        ForgeAbsentAccount,
        "says that accounts do not exist, with the genuine proof of another one"
    ),
    number!(
        "proof-window",
        ProofWindow,
        "BLOCKS",
        "128",
        0,
        "serves no proofs of older blocks, with the error of reth"
    ),
    number!(
        "pruned-state",
        PrunedState,
        "BLOCKS",
        "128",
        0,
        "serves no proofs of older blocks, with the error of geth"
    ),
    plain!("no-proofs", NoProofs, "serves no proofs at all"),
    Form {
        name: "forge-state",
        value: "ADDRESS:SLOT[=VALUE],...",
        default: "",
        sentence: "shows a state of these slots alone, some with made-up values, in headers, proofs and storage that are \
                   consistent; `code` in the place of SLOT forges the code hash",
        make: |value| value.parse().ok().map(|forgery| Lie::ForgeState(Arc::new(forgery))),
    },
    number!("wrong-chain-id", WrongChainId, "ID", "1", 0, "says that this is another chain"),
    number!("finality-back", FinalityBack, "BLOCKS", "5", 1, "puts `finalized` back every second time"),
    plain!("latest-as-finalized", LatestAsFinalized, "serves `latest` as `finalized` and as `safe`"),
    number!("stale-finalized", StaleFinalized, "BLOCKS", "20", 1, "keeps `finalized` behind the true one"),
    number!("finality-steps", FinalitySteps, "BLOCKS", "32", 1, "moves `finalized` only at multiples of BLOCKS"),
    number!("lag-blocks", LagBlocks, "BLOCKS", "10", 1, "does not know the newest blocks yet"),
    number!("lag-seconds", LagSeconds, "SECONDS", "420", 1, "does not know the blocks of the last seconds yet"),
    plain!("refuse", Refuse, "refuses connections, as whoever is dead does"),
    plain!("cut-off", CutOff, "breaks the connection in the middle of each answer"),
    plain!("dribble", Dribble, "answers byte by byte, without an end"),
    plain!("flood", Flood, "answers as fast as it is read, without an end"),
    number!("slow", Slow, "MILLISECONDS", "15000", 1, "answers late"),
    plain!("too-many-requests", TooManyRequests, "answers with the HTTP status 429"),
    plain!("internal-error", InternalError, "answers each question with an error of JSON-RPC"),
    plain!("other-id", OtherId, "answers with another id than that of the question"),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::LieError;

    #[test]
    fn every_form_reads_a_lie_of_its_name() {
        for form in FORMS {
            let text = match form.name {
                "forge-state" => format!("forge-state=0x{}:0x2=0x10", "11".repeat(20)),
                name => name.into(),
            };
            assert_eq!(text.parse::<Lie>().unwrap().name(), form.name);
        }
    }

    #[test]
    fn a_value_is_read_and_a_wrong_one_is_named() {
        assert_eq!("lag-blocks=7".parse(), Ok(Lie::LagBlocks(7)));
        assert_eq!("forge-header=stateRoot".parse(), Ok(Lie::ForgeHeader("stateRoot".into())));
        for (text, expected) in [
            ("lag-block", "there is no lie `lag-block`: --help lists all of them"),
            ("cut-off=1", "`cut-off` takes no value: leave `=1` out"),
            ("lag-blocks=x", "`lag-blocks=x` is no such lie: write lag-blocks=BLOCKS"),
            ("lag-blocks=0", "`lag-blocks=0` is no such lie: write lag-blocks=BLOCKS"),
            ("forge-header=color", "`forge-header=color` is no such lie: write forge-header=FIELD"),
            ("forge-state", "`forge-state=` is no such lie: write forge-state=ADDRESS:SLOT[=VALUE],..."),
        ] {
            let error: LieError = text.parse::<Lie>().unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }
}
