//! Validators that state what the chain wants of them, without a network.

use diem_bridge::{Outbound, OutboundKind, Statement, booking, state};
use diem_core::keys::EthereumKey;
use diem_runtime::App;

/// What the key states of what the chain issued under this kind and nonce.
pub fn statement(app: &App, key: &[u8; 32], kind: OutboundKind, nonce: u64) -> Statement {
    let (key, snapshot) = (EthereumKey::new(key).unwrap(), app.store().latest());
    let digest = booking::wanted_digest(&snapshot, kind, nonce).unwrap();
    Statement::Outbound(Outbound { kind, nonce, digest, signature: key.sign(&digest) })
}

/// Has each of these keys state it; the next block holds the statements.
pub fn state_all(app: &App, keys: &[[u8; 32]], kind: OutboundKind, nonce: u64) {
    for key in keys {
        app.offer_statement(&statement(app, key, kind, nonce)).unwrap();
    }
}

/// Has each of these keys state the newest validator set.
pub fn state_newest_set(app: &App, keys: &[[u8; 32]]) {
    let newest = state::issued(&app.store().latest()).sets;
    state_all(app, keys, OutboundKind::Valset, newest);
}
