//! The calls of the module and the contents that they hold.

use diem_bridge::{Error, ID, Msg, Preimage};
use diem_core::encode;

use crate::vectors::{file, name, read};

/// Reads a call with the module's byte before it.
pub(crate) fn call(bytes: &[u8]) -> Result<Msg, Error> {
    let [module, msg @ ..] = bytes else { return Err(Error::Malformed("call")) };
    assert_eq!(*module, ID.0);
    let msg: Msg = read(msg)?;
    msg.check_bounds()?;
    Ok(msg)
}

#[test]
fn calls_have_the_bytes_and_the_json_of_the_vectors() {
    let vectors = file("calls");
    for case in vectors.cases() {
        let msg: Msg = case.json("call");
        assert_eq!(hex::encode(encode(&(ID.0, &msg))), hex::encode(case.bytes("bytes")), "{msg:?}");
        assert_eq!(call(&case.bytes("bytes")), Ok(msg.clone()));
        // The authority is an account of this chain, which other libraries do not write as we do.
        if !matches!(msg, Msg::SetParams { .. }) {
            assert_eq!(serde_json::to_value(&msg).unwrap(), case.json::<serde_json::Value>("call"));
        }
    }
    for (case, bytes, error) in vectors.invalid("bytes") {
        assert_eq!(name(&call(&bytes).unwrap_err()), error, "{case}");
    }
}

#[test]
fn contents_have_the_bytes_the_json_and_the_hash_of_the_vectors() {
    let vectors = file("preimages");
    for case in vectors.cases() {
        let preimage: Preimage = case.json("preimage");
        assert_eq!(hex::encode(encode(&preimage)), hex::encode(case.bytes("bytes")));
        assert_eq!(read::<Preimage>(&case.bytes("bytes")), Ok(preimage.clone()));
        assert_eq!(preimage.struct_hash(), case.array("structHash"));
        assert_eq!((preimage.kind() as u8, preimage.nonce()), (case.number("kind"), case.number("nonce")));
        assert_eq!(serde_json::to_value(&preimage).unwrap(), case.json::<serde_json::Value>("preimage"));
    }
    for (case, bytes, error) in vectors.invalid("bytes") {
        let refusal = read::<Preimage>(&bytes).and_then(|preimage| preimage.validate());
        assert_eq!(name(&refusal.unwrap_err()), error, "{case}");
    }
}
