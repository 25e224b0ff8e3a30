//! The traits of every module of the chain and of its calls.

use crate::{
    Amount, CallError, Fatal, GenesisContext, HandedIn, StateRead, StateWrite, Statements, TxContext, gas::Metered,
};

/// A module's byte: the first byte of its keys, the discriminant of its calls, events and queries. It is never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId(pub u8);

/// The bytes of all modules. A new module takes the next number here, and nowhere else. The chain itself is no module;
/// its rows have a byte like theirs.
#[expect(missing_docs, reason = "each is the byte of the module of its name")]
impl ModuleId {
    pub const CHAIN: Self = Self(0);
    pub const BANK: Self = Self(1);
    pub const STAKING: Self = Self(2);
    pub const SVVV: Self = Self(3);
    pub const DIEM: Self = Self(4);
    pub const EMISSIONS: Self = Self(5);
    pub const CREDITS: Self = Self(6);
    pub const BRIDGE: Self = Self(7);
}

/// A call of a transaction, as its module defines it. The trait is object-safe, so that whoever handles calls of every
/// kind needs one match and no more.
pub trait Message: Metered {
    /// Checks what can be checked of the call without state. The default accepts every call that decodes.
    ///
    /// # Errors
    /// The call can never succeed.
    fn validate(&self) -> Result<(), CallError> {
        Ok(())
    }

    /// The most avvv that the call can take out of the sender's account, beside the fee; a pure function of the call.
    ///
    /// The pool sets so much aside while the transaction waits, so that none is let in whose fee an earlier one can
    /// send away. There is no default, so that whoever adds a call has to answer. A call that takes more than it says
    /// here lets those who drain their accounts fill blocks for free.
    fn spends(&self) -> Amount;

    /// Whether the call only takes out what its sender has in the chain (stake, rewards, credit that was earned), or
    /// brings a validator back.
    ///
    /// A nearly full state refuses transactions that make rows. These calls pass all the same, so that nobody can lock
    /// up what others have by filling the state. So the rows that such a call makes must be removed without a call, and
    /// an account must not be able to have more than a few of them. By default no call passes.
    fn is_exit(&self) -> bool {
        false
    }

    /// The call in words, as a wallet shows it before signing. The text is consensus, because it is part of what is
    /// signed.
    fn text(&self) -> String;

    /// The statements inside the call, which somebody signed beside the transaction; [`Message::execute`] has each of
    /// them verified by [`TxContext::verifier`].
    fn statements<'a>(&'a self, _: HandedIn<'a>) -> Statements<'a> {
        Vec::new()
    }

    /// Carries out the call. It is valid by [`Message::validate`], which the runtime asks first.
    ///
    /// # Errors
    /// Every write of the whole transaction but its fee and nonce is dropped.
    fn execute(&self, ctx: &mut TxContext<'_>) -> Result<(), CallError>;
}

/// A part of the state machine: it owns the rows under its byte, and other modules reach them through its public
/// functions only. Modules hold no data; everything they know is in state.
///
/// Begin, end and epoch steps are plain public functions of a module, called line by line in the runtime's list; so are
/// the answers to its questions. Its calls are an enum with [`Message`], its errors one with [`crate::ModuleError`].
pub trait Module {
    /// The module's byte, which no other module has or had.
    const ID: ModuleId;
    /// Its name: codespace of its errors and prefix of its events.
    const NAME: &'static str;
    /// The version of its rows, which genesis writes beside them ([`crate::chain::STORAGE_VERSIONS`]); at an upgrade a
    /// binary with a newer one migrates them. Those of a new module are of version 1.
    const STORAGE_VERSION: u32 = 1;

    /// Its part of the genesis file.
    type Genesis;

    /// Writes the module's first rows.
    ///
    /// # Errors
    /// Says what in the genesis cannot be true.
    fn init_genesis(ctx: &mut GenesisContext<'_>, genesis: &Self::Genesis) -> Result<(), CallError>;

    /// The genesis that would give the present rows again.
    fn export_genesis(state: &dyn StateRead) -> Self::Genesis;

    /// Checks what must always be true of the module's rows. The default checks nothing: it is for rows that can hold
    /// any value.
    ///
    /// # Errors
    /// Names the invariant that does not hold and by how much.
    fn check_invariants(_: &dyn StateRead) -> Result<(), String> {
        Ok(())
    }

    /// Brings rows of version `from`, which is below [`Module::STORAGE_VERSION`], to that version. Only an upgrade
    /// calls it. The default refuses.
    ///
    /// # Errors
    /// The node must stop: there is no such path.
    fn migrate(_: &mut dyn StateWrite, from: u32) -> Result<(), Fatal> {
        let (name, ours) = (Self::NAME, Self::STORAGE_VERSION);
        Err(Fatal(format!(
            "this diemd cannot bring the rows of {name} from version {from} to {ours}: it is not for this chain"
        )))
    }
}
