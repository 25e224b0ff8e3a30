//! Advice about an end of CometBFT, where its log lines say what was wrong.

/// The advice about an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Advice {
    /// The cause and the remedy, for people.
    pub(super) text: &'static str,
    /// Whether a restart ends the same way until the remedy is applied.
    pub(super) lasting: bool,
}

const STORES: &str = "its blocks and the application's state do not fit together, as when one of the two was lost or \
                      restored alone: restore the folders `data` and `cometbft/data` of this home from the same \
                      backup (never an older `priv_validator_state.json`), or move the chain's data away, keep keys \
                      and signing state, and let the node fetch the chain again";

const KNOWN: &[(&str, Advice)] = &[
    (
        "address already in use",
        Advice {
            text: "one of its ports is taken: stop the other program or change the port in diemd's configuration",
            lasting: false,
        },
    ),
    (
        "resource temporarily unavailable",
        Advice { text: "another process uses its data: stop that node first", lasting: false },
    ),
    ("no space left on device", Advice { text: "the disk is full: make room and start again", lasting: true }),
    (
        "disk quota exceeded",
        Advice { text: "the disk is full for this user: raise the quota or make room, and start again", lasting: true },
    ),
    (
        "file too large",
        Advice { text: "the disk is full for this file: raise its size limit, and start again", lasting: true },
    ),
    ("read-only file system", Advice { text: "the disk is read-only: mount it writable", lasting: true }),
    ("permission denied", Advice { text: "it may not use its files: check who owns the node's home", lasting: false }),
    (
        "too many open files",
        Advice { text: "the limit of open files is too low: raise it (ulimit -n)", lasting: false },
    ),
    (
        "conflicting data",
        Advice {
            text: "its own vote conflicts with one that it signed before: make sure that this key runs once only",
            lasting: true,
        },
    ),
    (
        "wrong Block.Header.AppHash",
        Advice {
            text: "this node computes another state than the network: check its version, then sync again",
            lasting: true,
        },
    ),
    (
        "error reading PrivValidator state",
        Advice {
            text: "its signing state cannot be read: restore `priv_validator_state.json`, since a validator without \
                   it may sign twice and be punished",
            lasting: true,
        },
    ),
    ("AppHash after replay", Advice { text: STORES, lasting: true }),
    ("does not match app's AppHash", Advice { text: STORES, lasting: true }),
    ("app block height", Advice { text: STORES, lasting: true }),
    ("left in an inconsistent state", Advice { text: STORES, lasting: true }),
    ("> StoreBlockHeight (", Advice { text: STORES, lasting: true }),
    ("> StateBlockHeight + 1", Advice { text: STORES, lasting: true }),
    ("failed to reconstruct last", Advice { text: STORES, lasting: true }),
    ("error on replay", Advice { text: STORES, lasting: false }),
    (
        "corrupted or incomplete",
        Advice { text: "one of its databases is damaged: restore it, or sync again", lasting: true },
    ),
];

/// The advice about the end that this line reports, if it is a known one.
pub(super) fn advice(line: &str) -> Option<Advice> {
    let lower = line.to_lowercase();
    KNOWN.iter().find(|(sign, _)| lower.contains(&sign.to_lowercase())).map(|(_, advice)| *advice)
}
