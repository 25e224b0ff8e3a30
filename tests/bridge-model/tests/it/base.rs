//! Base in memory: the contracts' own bytecode in an EVM, a clock that the test moves, and everything the contract has
//! reported.

use alloy_sol_types::{SolCall, SolEvent as _};
use diem_base::{Call, init_code};
use diem_bridge::{
    BRIDGE_STATE_SLOT, BaseEvent, BridgeState, CREATE2_DEPLOYER, Checkpoint, Constructor, Domain, EventBytes,
    ROLLING_HASH_SLOT, TOTAL_SUPPLY_SLOT, bridge_address, fold, token_address,
};
use diem_core::{Address, Amount, keccak256};
use revm::{
    Context, Database as _, ExecuteCommitEvm as _, ExecuteEvm as _, MainBuilder as _, MainContext as _, MainnetEvm,
    bytecode::Bytecode,
    context::{TxEnv, result::ExecutionResult},
    database::{CacheDB, EmptyDB},
    handler::MainnetContext,
    primitives::{Bytes, Log, TxKind, U256},
    state::AccountInfo,
};

/// The ABI of the contracts, from the files that their own build makes.
pub(crate) mod abi {
    alloy_sol_types::sol!(DiemBridge, "../../contracts/artifacts/DiemBridge.json");
    alloy_sol_types::sol!(DiemToken, "../../contracts/artifacts/DiemToken.json");
}

use abi::{
    DiemBridge::{self, DiemBridgeErrors},
    DiemToken::DiemTokenErrors,
};

/// The code of the contract at [`CREATE2_DEPLOYER`]: it creates what follows the salt in calldata. Source: the README of
/// Arachnid's deterministic deployment proxy.
const DEPLOYER_CODE: &str = "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58\
                             015156039578182fd5b8082525050506014600cf3";
/// Somebody who creates the contract; it does not matter who.
const CREATOR: Address = Address([0xc7; 20]);

type Evm = MainnetEvm<MainnetContext<CacheDB<EmptyDB>>>;

/// Base, with the bridge on it.
pub(crate) struct Base {
    evm: Evm,
    /// The number of the last block.
    number: u64,
    /// The second of the last block.
    pub(crate) now: u64,
    pub(crate) bridge: Address,
    pub(crate) token: Address,
    /// What the contract has reported. The first event has the nonce 1.
    pub(crate) events: Vec<EventBytes>,
    /// The rolling hash after so many events.
    pub(crate) hashes: Vec<[u8; 32]>,
}

/// The limits of minting, as the contract's view tells them.
pub(crate) struct Limits {
    pub(crate) capacity: u128,
    pub(crate) share_bps: u16,
}

impl Base {
    /// Creates the bridge at the address that follows from its arguments.
    pub(crate) fn new(chain_id: u64, now: u64, arguments: &Constructor) -> Self {
        crate::recovery::install();
        let mut db = CacheDB::new(EmptyDB::new());
        let code = Bytecode::new_raw(hex::decode(DEPLOYER_CODE).unwrap().into());
        db.insert_account_info(to_evm(&CREATE2_DEPLOYER), AccountInfo::default().with_code(code));
        let mut evm = Context::mainnet().with_db(db).build_mainnet();
        evm.ctx.modify_cfg(|cfg| {
            cfg.chain_id = chain_id;
            cfg.disable_nonce_check = true;
        });
        let code = init_code(arguments);
        let bridge = bridge_address(&arguments.salt, &keccak256(&code));
        let separator = Domain { base_chain_id: chain_id, bridge, salt: arguments.salt }.separator();
        let mut base = Self {
            evm,
            number: 1,
            now,
            bridge,
            token: token_address(&bridge),
            events: Vec::new(),
            hashes: vec![separator],
        };
        let calldata = [&arguments.salt[..], &code].concat();
        let ExecutionResult::Success { output, .. } = base.run(&CREATOR, &CREATE2_DEPLOYER, calldata) else {
            panic!("the contract is not created");
        };
        assert_eq!(output.data()[..], bridge.0, "it lies where the chain looks for it");
        assert_eq!(base.rolling_hash(), separator, "the first hash is the domain's");
        base
    }

    /// Sends a call to the bridge.
    ///
    /// # Errors
    /// The name of the error with which the contract refused it.
    pub(crate) fn send(&mut self, from: &Address, call: &Call) -> Result<Vec<BaseEvent>, &'static str> {
        self.execute(from, call.bytes().to_vec())
    }

    /// Sends a call that only the guardian makes, or one of the token.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(crate) fn act(&mut self, from: &Address, call: &impl SolCall) -> Result<Vec<BaseEvent>, &'static str> {
        self.execute(from, call.abi_encode())
    }

    fn execute(&mut self, from: &Address, calldata: Vec<u8>) -> Result<Vec<BaseEvent>, &'static str> {
        let bridge = self.bridge;
        match self.run(from, &bridge, calldata) {
            ExecutionResult::Success { logs, .. } => Ok(self.record(&logs)),
            ExecutionResult::Revert { output, .. } => Err(error_name(&output)),
            ExecutionResult::Halt { reason, .. } => panic!("the contract halts: {reason:?}"),
        }
    }

    /// Runs a transaction in a block of its own second.
    fn run(&mut self, from: &Address, to: &Address, calldata: Vec<u8>) -> ExecutionResult {
        let (tx, now) = (self.transaction(from, to, calldata), self.now);
        self.evm.ctx.modify_block(|block| block.timestamp = U256::from(now));
        self.evm.transact_commit(tx).unwrap()
    }

    fn transaction(&self, from: &Address, to: &Address, calldata: Vec<u8>) -> TxEnv {
        TxEnv {
            caller: to_evm(from),
            kind: TxKind::Call(to_evm(to)),
            data: Bytes::from(calldata),
            chain_id: Some(self.evm.ctx.cfg.chain_id),
            ..TxEnv::default()
        }
    }

    /// Keeps what the bridge reported and compares the hash that the contract folds it into.
    fn record(&mut self, logs: &[Log]) -> Vec<BaseEvent> {
        let mut reported = Vec::new();
        for log in logs.iter().filter(|log| log.address == to_evm(&self.bridge)) {
            let DiemBridge::BridgeEvent { nonce, kind, payload } =
                DiemBridge::BridgeEvent::decode_log_data(&log.data).unwrap();
            let payload = payload.to_vec();
            self.hashes.push(fold(self.hashes.last().unwrap(), nonce, kind, &payload));
            reported.push(BaseEvent::decode(kind, &payload).unwrap());
            self.events.push(EventBytes { kind, payload });
            assert_eq!(nonce, self.events.len() as u64, "events are numbered without gaps");
        }
        assert_eq!(self.rolling_hash(), *self.hashes.last().unwrap(), "the contract folds the same hash");
        reported
    }

    /// A block of Base whose number is the next multiple of `every`, and the facts in it that validators state.
    pub(crate) fn checkpoint(&mut self, every: u64) -> Checkpoint {
        self.number = (self.number / every + 1) * every;
        let state = self.state();
        Checkpoint {
            number: self.number,
            block_hash: keccak256(&[self.number.to_be_bytes(), self.now.to_be_bytes()].concat()),
            timestamp: self.now,
            event_nonce: state.event_nonce,
            rolling_hash: self.rolling_hash(),
            supply: Amount::new(self.supply()),
        }
    }

    pub(crate) fn state(&mut self) -> BridgeState {
        let bridge = self.bridge;
        BridgeState::decode(&self.slot(&bridge, BRIDGE_STATE_SLOT)).unwrap()
    }

    pub(crate) fn rolling_hash(&mut self) -> [u8; 32] {
        let bridge = self.bridge;
        self.slot(&bridge, ROLLING_HASH_SLOT)
    }

    pub(crate) fn supply(&mut self) -> u128 {
        let token = self.token;
        U256::from_be_bytes(self.slot(&token, TOTAL_SUPPLY_SLOT)).to()
    }

    fn slot(&mut self, account: &Address, slot: u64) -> [u8; 32] {
        let db = &mut self.evm.ctx.journaled_state.database;
        db.storage(to_evm(account), U256::from(slot)).unwrap().to_be_bytes()
    }

    /// The sum of all that waits in the queue.
    pub(crate) fn queued(&mut self) -> u128 {
        const QUEUED_SLOT: u64 = 10;
        let bridge = self.bridge;
        let word: U256 = U256::from_be_bytes(self.slot(&bridge, QUEUED_SLOT)) >> 64;
        (word & U256::from(u128::MAX)).to::<u128>()
    }

    pub(crate) fn balance(&mut self, account: &Address) -> u128 {
        const BALANCES_SLOT: u64 = 0;
        let mut key = [0; 64];
        key[12..32].copy_from_slice(&account.0);
        key[56..].copy_from_slice(&BALANCES_SLOT.to_be_bytes());
        let (token, slot) = (to_evm(&self.token), U256::from_be_bytes(keccak256(&key)));
        self.evm.ctx.journaled_state.database.storage(token, slot).unwrap().to()
    }

    /// Empties the mint bucket, as no call could.
    pub(crate) fn forget_level(&mut self) {
        const LEVEL_SLOT: u64 = 7;
        let (bridge, slot) = (to_evm(&self.bridge), U256::from(LEVEL_SLOT));
        let db = &mut self.evm.ctx.journaled_state.database;
        let word = db.storage(bridge, slot).unwrap();
        // The level is in the low half of the word, and when it was counted in the other.
        db.insert_account_storage(bridge, slot, word >> 128 << 128).unwrap();
    }

    pub(crate) fn limits(&mut self) -> Limits {
        let bridge = self.bridge;
        let now = self.view(&bridge, &DiemBridge::limitsCall {});
        Limits { capacity: now.mintCapacity, share_bps: now.shareBps }
    }

    /// The second from which the proposed set can be installed, with its nonce; `None` if there is none.
    pub(crate) fn proposed(&mut self) -> Option<(u64, u64)> {
        let bridge = self.bridge;
        let proposal = self.view(&bridge, &DiemBridge::proposedCall {});
        (proposal.installAt != 0).then_some((proposal.nonce, proposal.installAt))
    }

    pub(crate) fn pause_nonce(&mut self) -> u64 {
        let bridge = self.bridge;
        self.view(&bridge, &DiemBridge::pauseStateCall {}).pauseNonce
    }

    fn view<C: SolCall>(&mut self, contract: &Address, call: &C) -> C::Return {
        let (tx, now) = (self.transaction(&CREATOR, contract, call.abi_encode()), self.now);
        self.evm.ctx.modify_block(|block| block.timestamp = U256::from(now));
        match self.evm.transact(tx).unwrap().result {
            ExecutionResult::Success { output, .. } => C::abi_decode_returns_validate(output.data()).unwrap(),
            other => panic!("a view is refused: {other:?}"),
        }
    }
}

/// The name of the contract's or the token's error.
fn error_name(data: &[u8]) -> &'static str {
    let Some(selector) = data.first_chunk::<4>().copied() else { return "none" };
    let name = DiemBridgeErrors::name_by_selector(selector).or(DiemTokenErrors::name_by_selector(selector));
    name.unwrap_or("unknown")
}

const fn to_evm(address: &Address) -> revm::primitives::Address {
    revm::primitives::Address::new(address.0)
}
