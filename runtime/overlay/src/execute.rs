//! A call without a chain, for the tests of modules.

use diem_core::{Address, BlockInfo, CallError, Events, Forgetful, Message, TxContext, keys::KeyKind};

use crate::Overlay;

/// Carries out a call of `sender` as a transaction with this call alone would: it validates first, then writes all of
/// it or nothing. It returns the events as [`Events::into_bytes`] does.
///
/// # Errors
/// The errors of the call; then `state` is as before.
pub fn execute(
    state: &mut Overlay<'_>,
    block: BlockInfo,
    sender: Address,
    call: &dyn Message,
) -> Result<Vec<u8>, CallError> {
    call.validate()?;
    let mut events = Events::default();
    let mut inner = Overlay::new(state);
    let mut ctx = TxContext {
        state: &mut inner,
        events: &mut events,
        block,
        sender,
        key: KeyKind::Ed25519,
        verifier: &Forgetful,
    };
    call.execute(&mut ctx)?;
    let writes = inner.into_writes();
    state.apply(writes);
    Ok(events.into_bytes())
}
