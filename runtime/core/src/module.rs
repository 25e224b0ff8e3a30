//! What every module of the chain has.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::{
    Amount, CallError, Fatal, GenesisContext, HandedIn, ModuleError, QueryContext, StateRead, StateWrite, Statements,
    TxContext,
};

/// A module's byte: the first byte of its keys, the discriminant of its calls, events and queries. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId(pub u8);

/// A part of the state machine: it owns the rows under its byte, and other modules reach them through its public
/// functions only. Modules hold no data; everything they know is in state.
///
/// Begin, end and epoch steps are plain public functions of a module, called line by line in the runtime's list.
pub trait Module {
    /// The module's byte.
    const ID: ModuleId;
    /// Its name: codespace of its errors and prefix of its events.
    const NAME: &'static str;
    /// The version of its rows; a binary with a newer one migrates them.
    const STORAGE_VERSION: u32;

    /// Its calls.
    type Msg: BorshSerialize + BorshDeserialize;
    /// Its questions.
    type Query: BorshSerialize + BorshDeserialize;
    /// The answers to them.
    type Answer: BorshSerialize + BorshDeserialize;
    /// What it reports.
    type Event: BorshSerialize + BorshDeserialize;
    /// What it refuses.
    type Error: ModuleError;
    /// Its part of the genesis file.
    type Genesis: BorshSerialize + BorshDeserialize;

    /// Writes the module's first rows.
    ///
    /// # Errors
    /// Says what in the genesis cannot be true.
    fn init_genesis(ctx: &mut GenesisContext<'_>, genesis: &Self::Genesis) -> Result<(), CallError>;

    /// The genesis that would give the present rows again.
    fn export_genesis(state: &dyn StateRead) -> Self::Genesis;

    /// What can be said of a call without state.
    ///
    /// # Errors
    /// The call can never succeed.
    fn validate(msg: &Self::Msg) -> Result<(), CallError>;

    /// The gas of a call beside what its bytes cost; a pure function of the call.
    fn gas(msg: &Self::Msg) -> u64;

    /// The most avvv that a call can take out of the sender's account, beside the fee; a pure function of the call.
    ///
    /// The pool sets so much aside while the transaction waits, so that none is let in whose fee an earlier one can
    /// send away. Whoever adds a call has to answer, hence no default; a call that takes more than it says here makes
    /// room in blocks free for those who drain their accounts.
    fn spends(msg: &Self::Msg) -> Amount;

    /// What is signed inside a call, beside the transaction; [`Module::execute`] has each of it verified by
    /// [`TxContext::verifier`].
    fn statements<'a>(_: &'a Self::Msg, _: HandedIn<'a>) -> Statements<'a> {
        Vec::new()
    }

    /// The call in words, as a wallet shows it before signing. Consensus: it is part of what is signed.
    fn text(msg: &Self::Msg) -> String;

    /// Carries out a call.
    ///
    /// # Errors
    /// Every write of the whole transaction but its fee and nonce is dropped.
    fn execute(ctx: &mut TxContext<'_>, msg: &Self::Msg) -> Result<(), CallError>;

    /// Answers a question.
    ///
    /// # Errors
    /// Says what there is not.
    fn query(ctx: &QueryContext<'_>, query: Self::Query) -> Result<Self::Answer, CallError>;

    /// Checks what must always be true of the module's rows.
    ///
    /// # Errors
    /// Names the invariant that does not hold and by how much.
    fn check_invariants(state: &dyn StateRead) -> Result<(), String>;

    /// Brings rows of version `from` to [`Module::STORAGE_VERSION`].
    ///
    /// # Errors
    /// The node must stop: there is no such path.
    fn migrate(state: &mut dyn StateWrite, from: u32) -> Result<(), Fatal>;
}
