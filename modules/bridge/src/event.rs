//! The events of bridge.

use diem_core::{Address, Amount, Denom, Time};

use crate::{Breach, Checkpoint, OutboundKind, Reason};

/// An event of bridge.
#[diem_core::events]
pub enum Event {
    /// A transfer to Base waits to be sealed.
    TransferWaits {
        /// The id of the transfer.
        #[serde(with = "diem_core::json::number")]
        id: u64,
        /// The account that sent it.
        sender: Address,
        /// The account on Base that gets it.
        #[serde(with = "crate::on_base")]
        recipient: Address,
        /// What the recipient gets, in adiem.
        #[serde(with = "diem_core::json::diem")]
        amount: Amount,
        /// What whoever relays it gets, in adiem.
        #[serde(with = "diem_core::json::diem")]
        fee: Amount,
    } = 0,
    /// The fee of a waiting transfer was raised.
    FeeRaised {
        /// The id of the transfer.
        #[serde(with = "diem_core::json::number")]
        id: u64,
        /// The new fee, in adiem.
        #[serde(with = "diem_core::json::diem")]
        fee: Amount,
    } = 1,
    /// A waiting transfer was taken back.
    TransferCancelled {
        /// The id of the transfer.
        #[serde(with = "diem_core::json::number")]
        id: u64,
    } = 2,
    /// A batch was sealed.
    BatchSealed {
        /// The nonce under which it was issued.
        #[serde(with = "diem_core::json::number")]
        nonce: u64,
        /// The last second of Base in which it can be executed.
        #[serde(with = "diem_core::json::number")]
        deadline: u64,
        /// The number of its transfers.
        transfers: u32,
        /// The sum of their fees, in adiem.
        #[serde(with = "diem_core::json::diem")]
        fee: Amount,
    } = 3,
    /// A validator set was made.
    SetMade {
        /// The nonce under which it was issued.
        #[serde(with = "diem_core::json::number")]
        nonce: u64,
    } = 4,
    /// The arguments of the contract's constructor are fixed.
    Prepared {
        /// The chain id of Base.
        #[serde(with = "diem_core::json::number")]
        chain_id: u64,
    } = 5,
    /// The contract on Base is known.
    Activated {
        /// The address of the bridge.
        #[serde(with = "crate::on_base")]
        bridge: Address,
        /// The address of the token.
        #[serde(with = "crate::on_base")]
        token: Address,
    } = 6,
    /// A set has its quorum: the bridge is at work from now on.
    Ready = 7,
    /// The authority ordered an administrative action.
    ActionIssued {
        /// The nonce under which it was issued.
        #[serde(with = "diem_core::json::number")]
        nonce: u64,
    } = 8,
    /// The parameters were changed.
    ParamsChanged = 9,
    /// A validator was convicted of signing what the chain never decided.
    Convicted {
        /// The operator of the validator.
        validator: Address,
        /// What the signature is about.
        kind: OutboundKind,
        /// The nonce that it names.
        #[serde(with = "diem_core::json::number")]
        nonce: u64,
    } = 10,
    /// More than two thirds of the power state the same about a block of Base.
    Attested {
        /// The facts of the block.
        checkpoint: Checkpoint,
    } = 11,
    /// Every event up to an attested block is applied, and both equalities hold.
    Completed {
        /// The number of the block of Base.
        #[serde(with = "diem_core::json::number")]
        number: u64,
        /// The block's time, in seconds.
        #[serde(with = "diem_core::json::number")]
        timestamp: u64,
    } = 12,
    /// Base contradicts this chain: nothing is sealed, paid or refunded any more.
    Halted {
        /// The contradiction.
        breach: Breach,
    } = 13,
    /// The authority lets the bridge go on.
    Resumed {
        /// What the escrow lacks, in adiem.
        #[serde(with = "diem_core::json::diem")]
        uncovered: Amount,
    } = 14,
    /// Somebody paid into the escrow what it lacked.
    Covered {
        /// The account that paid.
        by: Address,
        /// The amount that was paid, in adiem.
        #[serde(with = "diem_core::json::diem")]
        amount: Amount,
        /// What the escrow lacks still, in adiem.
        #[serde(with = "diem_core::json::diem")]
        uncovered: Amount,
    } = 15,
    /// Base reported an event that this version does not know. It counts for nothing.
    UnknownEvent {
        /// The nonce of the event.
        #[serde(with = "diem_core::json::number")]
        nonce: u64,
        /// The number of its kind.
        kind: u8,
    } = 16,
    /// An amount is owed for what happened on Base.
    CreditOwed {
        /// The id of the credit.
        #[serde(with = "diem_core::json::number")]
        id: u64,
        /// The reason for which it is owed.
        reason: Reason,
        /// The account that gets it; none is the treasury.
        recipient: Option<Address>,
        /// The amount, in adiem.
        #[serde(with = "diem_core::json::diem")]
        amount: Amount,
    } = 17,
    /// A credit found no room and waits.
    CreditDelayed {
        /// The id of the credit.
        #[serde(with = "diem_core::json::number")]
        id: u64,
        /// The time at which it is paid.
        until: Time,
    } = 18,
    /// The authority holds a delayed credit back.
    CreditHeld {
        /// The id of the credit.
        #[serde(with = "diem_core::json::number")]
        id: u64,
        /// The time at which it is paid.
        until: Time,
    } = 19,
    /// A credit is paid.
    CreditPaid {
        /// The id of the credit.
        #[serde(with = "diem_core::json::number")]
        id: u64,
        /// The reason for which it was owed.
        reason: Reason,
        /// The account that got it; none is the treasury.
        recipient: Option<Address>,
        /// The amount, in adiem.
        #[serde(with = "diem_core::json::diem")]
        amount: Amount,
    } = 20,
    /// A batch was executed on Base.
    BatchExecuted {
        /// The nonce of the batch.
        #[serde(with = "diem_core::json::number")]
        nonce: u64,
        /// What recipients got at once, in adiem.
        #[serde(with = "diem_core::json::diem")]
        minted: Amount,
        /// What the relayer got at once, in adiem.
        #[serde(with = "diem_core::json::diem")]
        fee: Amount,
        /// What waits in the queue on Base, in adiem.
        #[serde(with = "diem_core::json::diem")]
        queued: Amount,
    } = 21,
    /// A transfer was minted on Base.
    TransferMinted {
        /// The id of the transfer.
        #[serde(with = "diem_core::json::number")]
        id: u64,
        /// The nonce of its batch.
        #[serde(with = "diem_core::json::number")]
        batch: u64,
    } = 22,
    /// A transfer found no room on Base and waits in the queue there.
    TransferQueued {
        /// The id of the transfer.
        #[serde(with = "diem_core::json::number")]
        id: u64,
        /// The id of its item in the queue.
        #[serde(with = "diem_core::json::number")]
        queue_id: u64,
        /// The second of Base from which anybody may release it.
        #[serde(with = "diem_core::json::number")]
        ready_at: u64,
    } = 23,
    /// A transfer is paid back: its batch expired, or its item in the queue was cancelled.
    TransferRefunded {
        /// The id of the transfer.
        #[serde(with = "diem_core::json::number")]
        id: u64,
        /// The amount that goes back, in adiem.
        #[serde(with = "diem_core::json::diem")]
        amount: Amount,
    } = 24,
    /// A batch expired and is paid back.
    BatchRefunded {
        /// The nonce of the batch.
        #[serde(with = "diem_core::json::number")]
        nonce: u64,
    } = 25,
    /// A set was installed on Base.
    SetInstalled {
        /// The nonce of the set.
        #[serde(with = "diem_core::json::number")]
        nonce: u64,
    } = 26,
    /// An administrative action was executed on Base.
    ActionExecuted {
        /// The nonce of the action.
        #[serde(with = "diem_core::json::number")]
        nonce: u64,
    } = 27,
    /// Minting on Base is paused, or goes on.
    PauseChanged {
        /// The end of the pause in seconds of Base: 0 if there is none.
        #[serde(with = "diem_core::json::number")]
        paused_until: u64,
        /// The number of pauses and of their ends.
        #[serde(with = "diem_core::json::number")]
        pause_nonce: u64,
    } = 28,
    /// The limits of minting on Base changed, or will.
    LimitsChanged {
        /// The capacity of the mint bucket, in adiem.
        #[serde(with = "diem_core::json::diem")]
        mint_capacity: Amount,
        /// The share of it that one mint may be, in basis points.
        share_bps: u16,
        /// The second of Base from which both count.
        #[serde(with = "diem_core::json::number")]
        from: u64,
    } = 29,
    /// Another bridge was announced to the token.
    MoveAnnounced {
        /// The contract of that bridge.
        #[serde(with = "crate::on_base")]
        bridge: Address,
        /// The second of Base from which the token obeys it.
        #[serde(with = "diem_core::json::number")]
        at: u64,
    } = 30,
    /// The guardian gave a veto, or the validators lifted one.
    Vetoed {
        /// The subject: 0 an item of the queue, 1 a proposed set, 2 a move.
        what: u8,
        /// The item's id, the set's nonce, or 0.
        #[serde(with = "diem_core::json::number")]
        id: u64,
        /// The end of an item's freeze in seconds of Base; 0 if it was lifted, and for sets and moves.
        #[serde(with = "diem_core::json::number")]
        until: u64,
    } = 31,
}

impl Event {
    /// The event as a sentence for people.
    pub fn text(&self) -> String {
        let diem = |amount: &Amount| amount.display(Denom::Diem);
        match self {
            Self::TransferWaits { id, sender, recipient, amount, fee } => format!(
                "transfer {id}: {} for {} on Base from {sender}, and a fee of {}, wait to be sealed",
                diem(amount),
                recipient.to_hex(),
                diem(fee)
            ),
            Self::FeeRaised { id, fee } => format!("transfer {id} to Base pays a fee of {}", diem(fee)),
            Self::TransferCancelled { id } => format!("transfer {id} to Base is taken back"),
            Self::BatchSealed { nonce, transfers, fee, .. } => {
                format!("batch {nonce} for Base is sealed, with {transfers} transfers and {} of fees", diem(fee))
            }
            Self::SetMade { nonce } => format!("validator set {nonce} for Base is made"),
            Self::Prepared { chain_id } => format!("the bridge to chain {chain_id} is prepared"),
            Self::Activated { bridge, token } => {
                format!("the bridge is {} on Base, its token {}", bridge.to_hex(), token.to_hex())
            }
            Self::Ready => "the bridge is at work".into(),
            Self::ActionIssued { nonce } => format!("action {nonce} is ordered on Base"),
            Self::ParamsChanged => "the parameters of the bridge are changed".into(),
            Self::Convicted { validator, kind, nonce } => {
                format!("{validator} is convicted: it signed a {kind} {nonce} for Base that was never issued")
            }
            other => other.text_of_base(),
        }
    }

    /// The sentence of an event about what happened on Base.
    fn text_of_base(&self) -> String {
        let diem = |amount: &Amount| amount.display(Denom::Diem);
        let to = |recipient: &Option<Address>| recipient.map_or_else(|| "the treasury".into(), |to| to.to_string());
        match self {
            Self::Attested { checkpoint } => format!("block {} of Base is attested", checkpoint.number),
            Self::Completed { number, .. } => format!("block {number} of Base is completed"),
            Self::Halted { breach } => format!("the bridge is halted: {}", breach.text()),
            Self::Resumed { uncovered } => format!("the bridge goes on; the escrow lacks {}", diem(uncovered)),
            Self::Covered { by, amount, uncovered } => {
                format!("{by} paid {} into the escrow, which lacks {} still", diem(amount), diem(uncovered))
            }
            Self::UnknownEvent { nonce, kind } => {
                format!(
                    "event {nonce} of Base is of kind {kind}, which this version does not know: it counts for nothing"
                )
            }
            Self::CreditOwed { id, recipient, amount, .. } => {
                format!("credit {id} from Base: {} for {}", diem(amount), to(recipient))
            }
            Self::CreditDelayed { id, until } => format!("credit {id} from Base finds no room and waits until {until}"),
            Self::CreditHeld { id, until } => format!("credit {id} from Base is held back until {until}"),
            Self::CreditPaid { id, recipient, amount, .. } => {
                format!("credit {id} from Base: {} are paid to {}", diem(amount), to(recipient))
            }
            Self::BatchExecuted { nonce, minted, queued, .. } => {
                format!("batch {nonce} is executed on Base: {} are minted, {} are queued", diem(minted), diem(queued))
            }
            Self::TransferMinted { id, batch } => format!("transfer {id} of batch {batch} is minted on Base"),
            Self::TransferQueued { id, queue_id, .. } => format!("transfer {id} waits on Base as item {queue_id}"),
            Self::TransferRefunded { id, amount } => format!("transfer {id} to Base is paid back: {}", diem(amount)),
            Self::BatchRefunded { nonce } => format!("batch {nonce} expired and is paid back"),
            Self::SetInstalled { nonce } => format!("validator set {nonce} is installed on Base"),
            Self::ActionExecuted { nonce } => format!("action {nonce} is executed on Base"),
            Self::PauseChanged { paused_until: 0, .. } => "minting on Base goes on".into(),
            Self::PauseChanged { paused_until: crate::UNTIL_UNPAUSE, .. } => "minting on Base is paused".into(),
            Self::PauseChanged { paused_until, .. } => format!("minting on Base is paused until second {paused_until}"),
            Self::LimitsChanged { mint_capacity, share_bps, from } => format!(
                "Base mints at most {} a day, {share_bps} basis points of it at once, from second {from} on",
                diem(mint_capacity)
            ),
            Self::MoveAnnounced { bridge, .. } => format!("the bridge {} is announced to the token", bridge.to_hex()),
            Self::Vetoed { what: 0, id, until: 0 } => format!("item {id} of the queue on Base may be released"),
            Self::Vetoed { what: 0, id, .. } => format!("item {id} of the queue on Base is frozen by the guardian"),
            Self::Vetoed { what: 1, id, .. } => format!("the guardian dropped validator set {id} on Base"),
            Self::Vetoed { .. } => "the guardian took back the announcement of another bridge".into(),
            _ => String::new(),
        }
    }
}
