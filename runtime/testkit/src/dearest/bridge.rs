//! The calls of bridge with arguments that cost the most work, and the contract that they are about.

use diem_bridge::{
    AdminAction, Batch, Chunk, EventBytes, Msg as Bridge, Outbound, OutboundKind, Params, Preimage, Statement,
    Transfer, booking, state,
};
use diem_core::{Address, Amount, sha256, tx::MAX_CALLS};
use diem_types::Call;

use super::{
    Scene, Use,
    scene::{HALF, VALIDATORS},
};
use crate::{
    bridge::bridge_key,
    economy::{milli, whole},
    people::Person,
};

impl Scene {
    /// Makes the contract known, and lets every full account send transfers that wait. No validator signs, so that
    /// nothing is sealed and the start can be repeated.
    pub(super) fn start_bridge(&mut self) {
        let start = vec![Call::Bridge(self.prepare()), Call::Bridge(activate(0))];
        self.next(1, vec![(self.operators[0].clone(), start)]);
        let sends = |_: &Person| (0..HALF).map(|_| Call::Bridge(bridge_out())).collect();
        let sends = self.full.clone().iter().map(|person| (person.clone(), sends(person))).collect();
        self.next(1, sends);
    }

    /// Makes as many of these calls as a transaction has.
    pub(super) fn bridge_calls(&self, what: Use, place: usize, number: usize) -> Vec<Call> {
        let each = |call: &dyn Fn(usize) -> Bridge| (0..MAX_CALLS).map(|i| Call::Bridge(call(i))).collect();
        // Ids begin with 1, and one account after the other has sent.
        let own = |i: usize| (place * HALF + i + 1) as u64;
        match what {
            Use::BridgeOut => each(&|_| bridge_out()),
            Use::BumpFee => {
                each(&|i| Bridge::BumpFee { id: own(i % HALF), fee: Amount::new(milli(1).get() + i as u128 + 1) })
            }
            Use::CancelTransfer => each(&|i| Bridge::Cancel { id: own(i) }),
            Use::Submit => self.submits(),
            Use::Replay => each(&|_| replay()),
            Use::Evidence => (0..VALIDATORS / 2).map(|validator| Call::Bridge(self.evidence(validator))).collect(),
            Use::Prepare => each(&|_| self.prepare()),
            Use::Activate => each(&|i| activate(number * MAX_CALLS + i)),
            Use::Admin => each(&|_| Bridge::Admin { action: AdminAction::SetGuardian { guardian: Address([5; 20]) } }),
            Use::SetParams => each(&|_| Bridge::SetParams { params: self.params() }),
            Use::Resume => each(&|_| Bridge::Resume),
            Use::Hold => each(&|_| Bridge::Hold { credit: 1 }),
            _ => each(&|_| Bridge::Cover { amount: milli(1) }),
        }
    }

    fn params(&self) -> Params {
        self.chain.doc.app.bridge.params
    }

    fn prepare(&self) -> Bridge {
        let (max_set_age, mint_capacity) = (30 * 86_400, whole(10_000));
        Bridge::Prepare { chain_id: 8453, max_set_age, mint_capacity, share_bps: 1_000, guardian: Address([7; 20]) }
    }

    /// Hands in everything that validators can state, but for the one in jail: the newest set and four pauses.
    fn submits(&self) -> Vec<Call> {
        let snapshot = self.chain.app.store().latest();
        let Some(domain) = state::domain(&snapshot) else {
            return vec![Call::Bridge(Bridge::Submit { statements: vec![] })];
        };
        let newest = (OutboundKind::Valset, state::issued(&snapshot).sets);
        let contents = [newest].into_iter().chain((1..=4).map(|nonce| (OutboundKind::Pause, nonce)));
        let statement = |kind, nonce, validator: u8| {
            let digest = domain.digest(&booking::wanted_hash(&snapshot, kind, nonce).unwrap());
            let signature = bridge_key(validator).sign(&digest);
            Statement::Outbound(Outbound { kind, nonce, digest, signature })
        };
        let calls = contents.map(|(kind, nonce)| {
            let statements = (0..VALIDATORS - 1).map(|validator| statement(kind, nonce, validator)).collect();
            Call::Bridge(Bridge::Submit { statements })
        });
        calls.collect()
    }

    /// Shows that a validator signed a batch that was never issued, as long as one can be.
    fn evidence(&self, validator: u8) -> Bridge {
        let transfer = Transfer { recipient: Address([3; 20]), amount: milli(1) };
        let transfers = vec![transfer; diem_bridge::MAX_TRANSFERS];
        let preimage = Preimage::Batch(Batch { nonce: 9, deadline: 1, fee: milli(1), transfers });
        let domain = state::domain(&self.chain.app.store().latest());
        let digest = domain.map(|domain| domain.digest(&preimage.struct_hash())).unwrap_or_default();
        Bridge::Evidence { preimage, signature: bridge_key(validator).sign(&digest) }
    }
}

fn bridge_out() -> Bridge {
    Bridge::BridgeOut { amount: milli(40), fee: milli(1), recipient: Address([3; 20]) }
}

fn activate(number: usize) -> Bridge {
    Bridge::Activate { init_code_hash: sha256(&[b"init code", &number.to_be_bytes()]), deploy_block: 1 }
}

/// Hands in events of Base, which nothing attests.
fn replay() -> Bridge {
    let event = EventBytes { kind: 1, payload: vec![0; diem_bridge::MAX_PAYLOAD_BYTES] };
    Bridge::Replay { chunk: Chunk { first: 1, before: [1; 32], events: vec![event; 16] } }
}
