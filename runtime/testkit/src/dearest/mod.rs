//! The dearest use of every call: the transactions of an attacker who wants to cost the chain the most work for the
//! least gas.
//!
//! [`Scene`] is a chain prepared for it: accounts with all the rows that an account can have, at a moment when each of
//! them is touched for the first time on a day. `make bench ARGS=gas` times full blocks of these calls beside a full
//! block of transfers; `tests/it/gas.rs` counts their reads, writes and signatures.

mod arguments;
mod bridge;
mod calls;
mod days;
mod scene;

use diem_bank::Msg as Bank;
use diem_bridge::Msg as Bridge;
use diem_core::{Amount, Denom};
use diem_credits::Msg as Credits;
use diem_diem::Msg as Diem;
use diem_staking::Msg as Staking;
use diem_svvv::Msg as Svvv;
use diem_types::Call;

pub use scene::{Scene, Size};

/// Declares the uses, one line for each call. A call that has no line here does not compile: [`Use::of`] names all of
/// them.
macro_rules! uses {
    ($($name:ident = $call:pat,)*) => {
        /// A call of any module, without its arguments.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each is the call of its name")]
        pub enum Use {
            $($name,)*
        }

        impl Use {
            /// Every call of every module.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The use that a call is.
            pub const fn of(call: &Call) -> Self {
                match call {
                    $($call => Self::$name,)*
                }
            }

            /// The name of the use, as it stands here.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

uses! {
    Transfer = Call::Bank(Bank::Transfer { .. }),
    MultiTransfer = Call::Bank(Bank::MultiTransfer { .. }),
    CreateValidator = Call::Staking(Staking::CreateValidator(_)),
    EditValidator = Call::Staking(Staking::EditValidator(_)),
    Unjail = Call::Staking(Staking::Unjail),
    RotateBridgeKey = Call::Staking(Staking::RotateBridgeKey { .. }),
    Stake = Call::Staking(Staking::Stake { .. }),
    Unstake = Call::Staking(Staking::Unstake { .. }),
    CancelUnstake = Call::Staking(Staking::CancelUnstake { .. }),
    Claim = Call::Staking(Staking::Claim { .. }),
    ClaimAndStake = Call::Staking(Staking::ClaimAndStake { .. }),
    Restake = Call::Svvv(Svvv::Restake { .. }),
    Collect = Call::Svvv(Svvv::Collect { .. }),
    Mint = Call::Diem(Diem::Mint { .. }),
    MintExact = Call::Diem(Diem::MintExact { .. }),
    Burn = Call::Diem(Diem::Burn { .. }),
    StakeDiem = Call::Credits(Credits::StakeDiem { .. }),
    UnstakeDiem = Call::Credits(Credits::UnstakeDiem { .. }),
    CancelUnstakeDiem = Call::Credits(Credits::CancelUnstake { .. }),
    RegisterProvider = Call::Credits(Credits::RegisterProvider { .. }),
    EditProvider = Call::Credits(Credits::EditProvider { .. }),
    AddBond = Call::Credits(Credits::AddBond { .. }),
    PublishPrices = Call::Credits(Credits::PublishPrices { .. }),
    Deregister = Call::Credits(Credits::Deregister),
    ListProvider = Call::Credits(Credits::ListProvider { .. }),
    DelistProvider = Call::Credits(Credits::DelistProvider { .. }),
    Allocate = Call::Credits(Credits::Allocate { .. }),
    Grant = Call::Credits(Credits::Grant { .. }),
    Revoke = Call::Credits(Credits::Revoke { .. }),
    SettleVouchers = Call::Credits(Credits::SettleVouchers { .. }),
    Spend = Call::Credits(Credits::Spend { .. }),
    GiftCredit = Call::Credits(Credits::GiftCredit { .. }),
    OfferCredit = Call::Credits(Credits::OfferCredit { .. }),
    WithdrawOffer = Call::Credits(Credits::WithdrawOffer),
    BuyCredit = Call::Credits(Credits::BuyCredit { .. }),
    CollectTranche = Call::Credits(Credits::CollectTranche { .. }),
    BridgeOut = Call::Bridge(Bridge::BridgeOut { .. }),
    BumpFee = Call::Bridge(Bridge::BumpFee { .. }),
    CancelTransfer = Call::Bridge(Bridge::Cancel { .. }),
    Submit = Call::Bridge(Bridge::Submit { .. }),
    Replay = Call::Bridge(Bridge::Replay { .. }),
    Evidence = Call::Bridge(Bridge::Evidence { .. }),
    Prepare = Call::Bridge(Bridge::Prepare { .. }),
    Activate = Call::Bridge(Bridge::Activate { .. }),
    Admin = Call::Bridge(Bridge::Admin { .. }),
    SetParams = Call::Bridge(Bridge::SetParams { .. }),
    Resume = Call::Bridge(Bridge::Resume),
    Hold = Call::Bridge(Bridge::Hold { .. }),
    Cover = Call::Bridge(Bridge::Cover { .. }),
}

impl Use {
    /// The calls that a bridge refuses as long as it does not follow Base: nothing of it can be replayed, held or made
    /// good.
    pub const REFUSED: [Self; 4] = [Self::Replay, Self::Resume, Self::Hold, Self::Cover];
}

/// The way in which calls are put into a transaction. Which of them is the dearest depends on the call, so all are
/// tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A transaction of as many calls as fit, which may all succeed.
    Whole,
    /// A transaction of as many calls as fit, of which the last fails: everything is done and undone, so that the next
    /// transaction can do it again.
    Undone,
    /// A transaction of one such call, undone as well: whatever it touches, it touches for the first time.
    OneUndone,
}

impl Shape {
    /// All shapes, in the order of their declaration.
    pub const ALL: [Self; 3] = [Self::Whole, Self::Undone, Self::OneUndone];

    /// Puts these calls into this shape.
    fn of(self, mut calls: Vec<Call>) -> Vec<Call> {
        let most = match self {
            Self::Whole => return calls,
            Self::Undone => diem_core::tx::MAX_CALLS - 1,
            Self::OneUndone => 1,
        };
        calls.truncate(most);
        calls.push(undoing());
        calls
    }
}

/// Makes a call that fails, and does next to nothing before it does.
pub fn undoing() -> Call {
    let to = diem_core::Address([1; 20]);
    Call::Bank(Bank::Transfer { to, denom: Denom::Vvv, amount: Amount::MAX })
}
