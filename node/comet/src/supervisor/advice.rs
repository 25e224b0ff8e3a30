//! Advice about an end of CometBFT, where its log lines say what was wrong.

/// The advice about an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Advice {
    /// The cause and the remedy, for people.
    pub(super) text: &'static str,
    /// What a restart would bring.
    pub(super) outlook: Outlook,
}

/// What another start would bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outlook {
    /// It may go well.
    Open,
    /// It ends the same way until the remedy is applied.
    Same,
    /// It ends the same way until the remote signer has come, who may come at any time.
    Waiting,
    /// It ends the same way until others show what it needs, which they may at any time.
    Later,
}

use Outlook::{Later, Open, Same, Waiting};

const STORES: &str = "its blocks and the application's state do not fit together, as when one of the two was lost or \
                      restored alone: restore the folders `data` and `cometbft/data` of this home from the same \
                      backup (never an older `priv_validator_state.json`), or move the chain's data away, keep keys \
                      and signing state, and let the node fetch the chain again";

/// What CometBFT says of evidence about a height whose header it does not have; the number follows.
pub(crate) const NO_HEADER: &str = "don't have header #";

/// What CometBFT says of a block whose header has another hash of the state than this node computed.
pub(super) const OTHER_STATE: &str = "wrong Block.Header.AppHash";

/// What is said wherever this node's own votes conflict, and so the sign that it is not safe to sign.
pub(crate) const ONE_KEY: &str =
    "its own vote conflicts with one that it signed before: make sure that this key runs once only";

const KNOWN: &[(&str, Advice)] = &[
    (
        "address already in use",
        Advice {
            text: "one of its ports is taken: stop the other program or change the port in diemd's configuration",
            outlook: Open,
        },
    ),
    (
        "resource temporarily unavailable",
        Advice { text: "another process uses its data: stop that node first", outlook: Open },
    ),
    ("no space left on device", Advice { text: "the disk is full: make room and start again", outlook: Same }),
    (
        "disk quota exceeded",
        Advice { text: "the disk is full for this user: raise the quota or make room, and start again", outlook: Same },
    ),
    (
        "file too large",
        Advice { text: "the disk is full for this file: raise its size limit, and start again", outlook: Same },
    ),
    ("read-only file system", Advice { text: "the disk is read-only: mount it writable", outlook: Same }),
    ("permission denied", Advice { text: "it may not use its files: check who owns the node's home", outlook: Open }),
    ("too many open files", Advice { text: "the limit of open files is too low: raise it (ulimit -n)", outlook: Open }),
    ("conflicting data", Advice { text: ONE_KEY, outlook: Same }),
    (
        OTHER_STATE,
        Advice {
            text: "this node computes another state than the network: take the version that the others run, and undo the last \
                   block with `diemd rollback`, after which it is executed again",
            outlook: Same,
        },
    ),
    (
        "error reading PrivValidator state",
        Advice {
            text: "its signing state cannot be read: restore `priv_validator_state.json`, since a validator without \
                   it may sign twice and be punished",
            outlook: Same,
        },
    ),
    (
        "can't get pubkey",
        Advice { text: "no signer has connected to the address of `comet.signer` yet", outlook: Waiting },
    ),
    (
        "light client state provider",
        Advice {
            text: "the nodes that this one joins by do not show the block that it trusts: they are away, or do not have it \
                   any more",
            outlook: Later,
        },
    ),
    (
        "extensions must be present",
        Advice {
            text: "its remote signer does not sign the extensions of votes: tmkms 0.14.0 does with `sign_extensions = true`",
            outlook: Same,
        },
    ),
    ("AppHash after replay", Advice { text: STORES, outlook: Same }),
    ("does not match app's AppHash", Advice { text: STORES, outlook: Same }),
    ("app block height", Advice { text: STORES, outlook: Same }),
    ("left in an inconsistent state", Advice { text: STORES, outlook: Same }),
    ("> StoreBlockHeight (", Advice { text: STORES, outlook: Same }),
    ("> StateBlockHeight + 1", Advice { text: STORES, outlook: Same }),
    ("failed to reconstruct last", Advice { text: STORES, outlook: Same }),
    ("error on replay", Advice { text: STORES, outlook: Open }),
    (
        NO_HEADER,
        Advice {
            text: "a block holds evidence about a height whose header this node does not have: `diemd join --again` \
                   starts from a newer snapshot",
            outlook: Same,
        },
    ),
    (
        "corrupted or incomplete",
        Advice { text: "one of its databases is damaged: restore it, or sync again", outlook: Same },
    ),
];

/// The advice about the end that this line reports, if it is a known one.
pub(super) fn advice(line: &str) -> Option<Advice> {
    let lower = line.to_lowercase();
    KNOWN.iter().find(|(sign, _)| lower.contains(&sign.to_lowercase())).map(|(_, advice)| *advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_book_knows_every_advice() {
        let page = include_str!("../../../../docs/src/operate/trouble.md");
        for (_, Advice { text, .. }) in KNOWN {
            // The cause stands before what to do.
            let cause = text.split([':', ',', '`']).next().unwrap_or_default().trim();
            let cause = cause.strip_suffix(" for this user").or(cause.strip_suffix(" for this file")).unwrap_or(cause);
            assert!(page.contains(&format!("`{cause}`")), "trouble.md does not name `{cause}`");
        }
    }
}
