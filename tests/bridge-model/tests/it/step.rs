//! The steps of a history. Each is plain data that means something at any place of any history, so that a history can be
//! shortened: where a step picks among things, the number picks one of those there are.

use diem_bridge::{AdminAction, Params};

/// A step: what people, validators, the guardian, the authority or time do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Time passes on both sides.
    Time {
        ms: u64,
    },
    /// Time passes until the last second in which one of the last batches can be executed, or the first after it.
    ToDeadline {
        pick: u64,
        after: u64,
    },
    /// Base makes no blocks from now on.
    Halts,
    /// Base makes blocks again.
    GoesOn,
    /// This chain makes a block. The validators of the mask are awake and look at Base; the proposer brings events.
    Block {
        awake: u8,
        view: View,
        events: u64,
    },
    /// The same, but a validator states a block that Base does not have.
    Lie {
        by: u8,
        awake: u8,
        events: u64,
    },
    /// Somebody hands in statements by a transaction.
    Submit {
        awake: u8,
        view: View,
    },
    /// Somebody hands in events of Base by a transaction.
    Replay {
        size: u64,
        spoilt: Spoilt,
    },
    /// The authority lets the bridge go on after a breach.
    Resume,
    /// The same once everything is applied, and somebody pays a part of what the escrow lacks.
    Heal {
        by: u8,
        part: u128,
    },
    /// Somebody pays a part of what the escrow lacks.
    Cover {
        by: u8,
        part: u128,
    },
    /// The authority holds back a delayed credit.
    Hold {
        pick: u64,
    },
    SetParams(Params),
    /// The authority ends a pause, and everybody hurries.
    AllClear,
    /// Somebody sends DIEM to Base; the fee is in hundredths of the highest one.
    Out {
        by: u8,
        to: u8,
        cents: u128,
        fee: u128,
    },
    /// Somebody sends several amounts, the largest ten times the smallest.
    OutOften {
        by: u8,
        cents: u128,
        fee: u128,
    },
    Bump {
        pick: u64,
        fee: u128,
    },
    Cancel {
        pick: u64,
    },
    /// The share of power of a validator changes.
    Stake {
        validator: u8,
        vvv: u128,
    },
    Rotate {
        validator: u8,
    },
    Order(AdminAction),
    /// The authority decides about an item of Base's queue, and everybody hurries.
    Resolve {
        pick: u64,
        release: bool,
    },
    /// Somebody sends a batch to Base, one of the last, with every signature there is.
    Relay {
        pick: u64,
        by: u8,
    },
    /// Somebody sends DIEM, which is relayed to Base as soon as it is signed, with what waits besides.
    Ship {
        by: u8,
    },
    /// Somebody sends a set to Base, the newest or an older one.
    Update {
        back: u64,
    },
    /// Somebody sends a decided action to Base, the newest or an older one.
    Act {
        back: u64,
    },
    InstallProposed,
    /// A newer set takes the place of a stale one, and everybody waits for it.
    Recover,
    /// Validators of the mask stop minting.
    Pause {
        mask: u8,
        ahead: u64,
    },
    PauseByGuardian,
    Veto {
        pick: u64,
    },
    VetoSet,
    LowerLimits {
        percent: u128,
    },
    Release {
        pick: u64,
    },
    Burn {
        by: u8,
        to: To,
        part: u128,
    },
    /// Somebody burns more often in a block of Base than a chunk has events.
    BurnOften {
        by: u8,
    },
    /// Somebody sends a call to Base that succeeded before.
    Again {
        pick: u64,
    },
    /// All keys sign what the chain never decided, and Base takes it.
    Forge(Forged),
}

/// The block of Base that validators look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    None,
    /// A new one, which is final at once.
    Newest,
    /// One that others looked at, so many back.
    Older(u64),
}

/// What is wrong with events that are handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoilt {
    No,
    /// A byte of an event.
    Byte,
    /// An event that never was.
    MadeUp,
    /// The hash before the events.
    Before,
    /// They are not the last of those that are missing.
    OutOfOrder,
    /// They were applied before.
    Again,
}

/// Whoever a burn on Base is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    /// An account of this chain that sends DIEM too.
    Person(u8),
    /// An account that nobody has seen before.
    Stranger,
}

/// What validators sign that the chain never decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Forged {
    /// A batch so many nonces above the last issued.
    Ahead { cents: u128, ahead: u64 },
    /// Another batch in the place of one that was issued.
    InPlace { cents: u128, pick: u64 },
    /// An action above the last issued.
    Action(AdminAction),
}

impl Step {
    /// The name of the step, by which it is counted.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Time { .. } => "time",
            Self::ToDeadline { .. } => "time until a deadline",
            Self::Halts => "Base halts",
            Self::GoesOn => "Base goes on",
            Self::Block { .. } => "block",
            Self::Lie { .. } => "block with a lie",
            Self::Submit { .. } => "submit",
            Self::Replay { spoilt: Spoilt::No, .. } => "replay",
            Self::Replay { .. } => "replay what is spoilt",
            Self::Resume => "resume",
            Self::Heal { .. } => "resume and cover",
            Self::Cover { .. } => "cover",
            Self::Hold { .. } => "hold",
            Self::SetParams(_) => "change parameters",
            Self::AllClear => "end the pause",
            Self::Out { .. } => "out",
            Self::OutOften { .. } => "out often",
            Self::Bump { .. } => "bump",
            Self::Cancel { .. } => "cancel",
            Self::Stake { .. } => "stake",
            Self::Rotate { .. } => "rotate",
            Self::Order(_) => "order",
            Self::Resolve { .. } => "resolve",
            Self::Ship { .. } => "ship",
            Self::Relay { .. } => "relay",
            Self::Update { .. } => "update the set",
            Self::Act { .. } => "act",
            Self::InstallProposed => "install the proposed set",
            Self::Recover => "recover from a stale set",
            Self::Pause { .. } => "pause",
            Self::PauseByGuardian => "pause by the guardian",
            Self::Veto { .. } => "veto",
            Self::VetoSet => "veto of a set",
            Self::LowerLimits { .. } => "lower limits",
            Self::Release { .. } => "release",
            Self::Burn { .. } => "burn",
            Self::BurnOften { .. } => "burn often",
            Self::Again { .. } => "send a call again",
            Self::Forge(Forged::Ahead { .. }) => "forge a batch",
            Self::Forge(Forged::InPlace { .. }) => "forge in place",
            Self::Forge(Forged::Action(_)) => "forge an action",
        }
    }
}
