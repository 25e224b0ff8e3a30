//! What a history is made of: blocks of concrete operations, of which any can be left out.

use diem_core::{Address, Amount};
use diem_credits::{Msg as Credits, Params as CreditsParams, SignedVoucher, Voucher};
use diem_emissions::{Params as EmissionsParams, Segment};
use diem_staking::{Msg as Staking, Params as StakingParams};
use diem_testkit::dearest::Use;
use diem_types::Call;

use super::world::World;

/// One block of a plan.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    /// The time of the block.
    pub(crate) time: u64,
    /// The acts of governance before it.
    pub(crate) steps: Vec<Step>,
    /// Validators, by number, whose signatures are not in the commit before it.
    pub(crate) missed: Vec<usize>,
    /// The evidence that consensus proves.
    pub(crate) evidence: Vec<Evidence>,
    /// Transactions of one call each.
    pub(crate) ops: Vec<Op>,
    /// Whether the state is exported after it, and the chain goes on from what the export gives.
    pub(crate) restart: bool,
}

/// The misbehaviour of a validator.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence {
    /// The validator's number; a stranger's beyond the last.
    pub(crate) who: usize,
    pub(crate) height: u64,
    pub(crate) time: u64,
    pub(crate) light_client: bool,
}

/// An act of governance.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Staking(StakingParams),
    Emissions(EmissionsParams),
    Credits(CreditsParams),
    Schedule(Segment),
    /// The bridge convicts a validator: (operator, basis points).
    Forgery(Address, u16),
}

/// A transaction of a plan.
#[derive(Debug, Clone)]
pub(crate) struct Op {
    /// The place of the sender.
    pub(crate) sender: usize,
    /// Whether another account pays the fee.
    pub(crate) paid: bool,
    pub(crate) act: Act,
}

/// What a transaction does.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Call(Box<Call>),
    /// Settles vouchers of a provider, which are signed when the transaction is made: they name the chain's genesis.
    Vouchers(Address, Vec<Draft>),
}

/// A voucher before it is signed.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) account: Address,
    /// The place of the signer that it names.
    pub(crate) signer: usize,
    /// The place of whoever signs it.
    pub(crate) signed_by: usize,
    pub(crate) provider: Address,
    pub(crate) day: u64,
    pub(crate) amount: Amount,
    pub(crate) requests: u64,
    pub(crate) other_chain: bool,
}

impl Draft {
    fn sign(&self, world: &World, genesis_hash: [u8; 32]) -> SignedVoucher {
        let name = if self.other_chain { "diem-other-dev".into() } else { world.doc.chain_id.clone() };
        let voucher = Voucher {
            chain_id: name,
            genesis_hash,
            account: self.account,
            signer: world.address(self.signer),
            provider: self.provider,
            day: self.day,
            amount: self.amount,
            requests: self.requests,
            price_sheet: [0; 32],
            usage_root: [0; 32],
        };
        voucher.sign(&world.actors[self.signed_by].person.key)
    }
}

impl Op {
    /// The call that goes into the transaction.
    pub(crate) fn call(&self, world: &World, genesis_hash: [u8; 32]) -> Call {
        match &self.act {
            Act::Call(call) => (**call).clone(),
            Act::Vouchers(provider, drafts) => {
                let vouchers = drafts.iter().map(|draft| draft.sign(world, genesis_hash)).collect();
                Call::Credits(Credits::SettleVouchers { provider: *provider, vouchers })
            }
        }
    }

    /// The name under which it is counted.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.act {
            Act::Vouchers(..) => Use::SettleVouchers.name(),
            Act::Call(call) => Use::of(call).name(),
        }
    }
}

impl Plan {
    /// The number of operations of the block.
    pub(crate) fn operations(&self) -> usize {
        self.steps.len() + self.evidence.len() + self.ops.len() + usize::from(self.restart)
    }

    /// The parts that can be left out of it.
    pub(crate) fn parts(&self) -> usize {
        self.operations() + self.missed.len()
    }

    /// Keeps the parts of which `stays` says so.
    pub(crate) fn keep(&mut self, stays: &mut impl FnMut() -> bool) {
        self.steps.retain(|_| stays());
        self.missed.retain(|_| stays());
        self.evidence.retain(|_| stays());
        self.ops.retain(|_| stays());
        self.restart &= !self.restart || stays();
    }

    /// The block in words.
    pub(crate) fn text(&self, world: &World, height: u64) -> String {
        let mut lines = vec![format!("block {height} at {} ms", self.time)];
        lines.extend(self.steps.iter().map(|step| format!("  governance: {step:?}")));
        if !self.missed.is_empty() {
            lines.push(format!("  not signed by validators {:?}", self.missed));
        }
        lines.extend(self.evidence.iter().map(|evidence| format!("  proven: {evidence:?}")));
        lines.extend(self.ops.iter().map(|op| {
            let act = match &op.act {
                Act::Call(call) => call_text(call),
                Act::Vouchers(provider, drafts) => format!("settle for {provider:?} {drafts:?}"),
            };
            format!("  {}{}: {act}", world.actors[op.sender].name, if op.paid { " (fee paid)" } else { "" })
        }));
        if self.restart {
            lines.push("  exported and started again".into());
        }
        world.readable(&lines.join("\n"))
    }
}

/// A call in words; proofs of keys are left out.
fn call_text(call: &Call) -> String {
    match call {
        Call::Staking(Staking::CreateValidator(msg)) => format!(
            "create_validator, bridge key {}, commission {} of {} by {}, self-stake {}",
            msg.bridge_address, msg.commission, msg.max_commission, msg.max_commission_change, msg.self_stake
        ),
        Call::Staking(Staking::RotateBridgeKey { bridge_address, .. }) => {
            format!("rotate_bridge_key, {bridge_address}")
        }
        _ => format!("{call:?}"),
    }
}
