//! The events that the contract on Base reports, one payload for each kind.

use diem_core::{Address, Amount};

use crate::{Error, packed::Field};

/// The end of a pause that only Unpause ends.
pub const UNTIL_UNPAUSE: u64 = u64::MAX;

/// The subjects of a veto of the guardian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum VetoOf {
    /// An item of the queue; its id is named.
    Item = 0,
    /// A proposed validator set; its nonce is named.
    Set = 1,
    /// A move that was announced.
    Move = 2,
}

impl Field for VetoOf {
    const WIDTH: usize = u8::WIDTH;

    fn write(&self, out: &mut Vec<u8>) {
        (*self as u8).write(out);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        match u8::read(bytes)? {
            0 => Some(Self::Item),
            1 => Some(Self::Set),
            2 => Some(Self::Move),
            _ => None,
        }
    }
}

/// Writes the enum of events and both directions of their bytes from one table: a line is the number of the kind, its
/// name, and its fields in the order of their bytes.
macro_rules! payloads {
    ($($(#[$doc:meta])* $kind:literal $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)+ })+) => {
        /// An event of the bridge's contract. All times are seconds of Base, all amounts adiem.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum BaseEvent {
            $($(#[$doc])* $name { $($(#[$field_doc])* $field: $type,)+ },)+
        }

        impl BaseEvent {
            /// The number of the event's kind.
            pub const fn kind(&self) -> u8 {
                match self {
                    $(Self::$name { .. } => $kind,)+
                }
            }

            /// The payload: its fields, packed.
            pub fn payload(&self) -> Vec<u8> {
                let mut bytes = Vec::new();
                match self {
                    $(Self::$name { $($field,)+ } => { $($field.write(&mut bytes);)+ })+
                }
                bytes
            }

            /// The event with this payload.
            ///
            /// # Errors
            /// [`Error::EventKind`], [`Error::EventLength`] or [`Error::EventValue`]: such an event is recorded and
            /// counts for nothing.
            pub fn decode(kind: u8, payload: &[u8]) -> Result<Self, Error> {
                match kind {
                    $($kind => {
                        const WIDTH: usize = 0 $(+ <$type as Field>::WIDTH)+;
                        check_length(kind, payload, WIDTH)?;
                        let mut rest = payload;
                        Ok(Self::$name { $($field: Field::read(&mut rest).ok_or(Error::EventValue(kind))?,)+ })
                    })+
                    _ => Err(Error::EventKind(kind)),
                }
            }
        }
    };
}

fn check_length(kind: u8, payload: &[u8], expected: usize) -> Result<(), Error> {
    let length = payload.len();
    if length == expected { Ok(()) } else { Err(Error::EventLength { kind, length, expected }) }
}

payloads! {
    /// Somebody burned DIEM on Base, to have it on this chain.
    1 Burn {
        /// The account on Base whose balance was burned.
        sender: Address,
        /// The account of this chain that is paid.
        recipient: Address,
        /// The amount that was burned.
        amount: Amount,
    }
    /// A batch was executed.
    2 BatchExecuted {
        /// The nonce of the batch.
        batch_nonce: u64,
        /// The hash of what was executed, which must be the chain's.
        struct_hash: [u8; 32],
        /// The account on Base that sent it.
        relayer: Address,
        /// The amount that recipients got at once.
        minted: Amount,
        /// The amount that the relayer got at once.
        fee: Amount,
        /// The amount that waits in the queue, the fee too if it does.
        queued: Amount,
    }
    /// A validator set was installed.
    3 SetInstalled {
        /// The nonce of the set.
        nonce: u64,
        /// The hash of the set, which must be the chain's.
        set_hash: [u8; 32],
        /// The account on Base that sent the call which installed it.
        submitter: Address,
    }
    /// An item of a batch found no room.
    4 Queued {
        /// The id of the item in the queue.
        queue_id: u64,
        /// The nonce of the batch that it is of.
        batch_nonce: u64,
        /// Its place among the transfers; 65,535 for the fee.
        index: u16,
        /// The amount that waits.
        amount: Amount,
        /// The time from which anybody may release it.
        ready_at: u64,
    }
    /// An item of the queue was minted.
    5 Released {
        /// The id of the item in the queue.
        queue_id: u64,
        /// The amount that was minted.
        amount: Amount,
    }
    /// An item of the queue was dropped by the validators.
    6 Cancelled {
        /// The id of the item in the queue.
        queue_id: u64,
        /// The amount that will not be minted.
        amount: Amount,
    }
    /// Minting was paused, or goes on.
    7 StatusChanged {
        /// The end of the pause: 0 if there is none, [`UNTIL_UNPAUSE`] if it is open.
        paused_until: u64,
        /// The number of pauses and of their ends so far.
        pause_nonce: u64,
    }
    /// The limits of minting changed, or will.
    8 LimitsChanged {
        /// The capacity of the mint bucket.
        mint_capacity: Amount,
        /// The share of it that one mint may be, in basis points.
        share_bps: u16,
        /// The time from which both count.
        at: u64,
    }
    /// Another bridge was announced to the token.
    9 MoveAnnounced {
        /// The contract of that bridge.
        bridge: Address,
        /// The time from which the token obeys it.
        at: u64,
    }
    /// There is another guardian.
    10 GuardianChanged {
        /// The account on Base that is the guardian.
        guardian: Address,
    }
    /// The guardian gave a veto, or the validators lifted one.
    11 Veto {
        /// The subject of the veto.
        what: VetoOf,
        /// The item's id, the set's nonce, or 0.
        id: u64,
        /// The end of an item's freeze; 0 if it was lifted, and for sets and moves.
        until: u64,
    }
    /// An administrative action was executed; what it did is reported next.
    12 AdminExecuted {
        /// The nonce of the action.
        admin_nonce: u64,
        /// The hash of what was executed, which must be the chain's.
        struct_hash: [u8; 32],
    }
    /// A set was proposed, because the stored one is too old to install it.
    13 SetProposed {
        /// The nonce of the set.
        nonce: u64,
        /// The hash of the set, which must be the chain's.
        set_hash: [u8; 32],
        /// The time from which anybody may install it.
        install_at: u64,
    }
}
