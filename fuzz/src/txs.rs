//! The transactions that plans stand for on a chain.

use bytes::Bytes;
use diem_core::{Amount, Block};
use diem_testkit::TxBuilder;

use crate::{
    calls::calls,
    plan::{Plan, Step},
    world::World,
};

impl World {
    /// Makes the next block with its transactions on the state before it.
    pub(crate) fn block(&mut self, end: Option<Step>, steps: &[Step]) -> (Block, Vec<Bytes>) {
        let block = self.block_after(end.as_ref());
        (block, steps.iter().filter_map(|step| self.tx(step)).collect())
    }

    /// Makes the bytes that a step stands for; `None` where a block ends.
    pub(crate) fn tx(&mut self, step: &Step) -> Option<Bytes> {
        let tx = match step {
            Step::Signed(plan) => self.signed(plan),
            Step::Spoilt(plan, place, mask) => {
                let mut bytes = self.signed(plan).to_vec();
                let place = usize::from(*place) % bytes.len();
                bytes[place] ^= mask;
                bytes.into()
            }
            Step::Cut(plan, place) => {
                let bytes = self.signed(plan);
                bytes.slice(..usize::from(*place) % bytes.len())
            }
            Step::Raw(bytes) => bytes.clone().into(),
            Step::Again(which) => match self.made.len() {
                0 => Bytes::new(),
                made => self.made[usize::from(*which) % made].clone(),
            },
            Step::Block | Step::Later(_) => return None,
        };
        self.made.push(tx.clone());
        Some(tx)
    }

    fn signed(&mut self, plan: &Plan) -> Bytes {
        let calls = calls(self, plan);
        let sender = usize::from(plan.sender) % self.nonces.len();
        let next = &mut self.nonces[sender];
        let nonce = next.saturating_add_signed(plan.nonce.into());
        *next += u64::from(nonce == *next);
        let builder = TxBuilder::new(&self.chain.doc, self.person(plan.sender), nonce, calls);
        let builder = if plan.payer == 0 { builder } else { builder.paid_by(self.person(plan.payer)) };
        odd(builder, plan.oddity).bytes()
    }
}

fn odd(builder: TxBuilder, oddity: u8) -> TxBuilder {
    builder.with(|tx| match oddity {
        1 => tx.chain_id.push('x'),
        2 => tx.genesis_hash[0] ^= 1,
        3 => tx.expiry = 0,
        4 => tx.expiry = 2,
        5 => tx.gas_price = Amount::ZERO,
        6 => tx.gas_price = Amount::MAX,
        7 => tx.max_fee = Amount::ZERO,
        8 => tx.max_fee = Amount::MAX,
        9 => tx.memo = "m".repeat(256),
        10 => tx.memo = "m".repeat(257),
        11 => tx.nonce = u64::MAX,
        12 => tx.chain_id = "c".repeat(51),
        // The price is more than the least, so that prices differ.
        13..=63 => tx.gas_price = tx.gas_price.checked_mul(oddity.into()).unwrap(),
        _ => {}
    })
}
