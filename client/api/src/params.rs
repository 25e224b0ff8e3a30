//! A module's parameters as the API shows them: every amount as a coin. The modules write base units alone, as in a
//! genesis.

use diem_core::{Amount, Denom};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, de::Error as _, ser::Error as _};
use serde_json::Value;

use super::Coin;

/// Writes the parameters with coins. A field whose name ends in `diem` is of DIEM, every other amount of VVV.
pub(super) fn serialize<T: Serialize, S: Serializer>(params: &T, serializer: S) -> Result<S::Ok, S::Error> {
    with_coins(params, serializer, |name| if name.ends_with("diem") { Denom::Diem } else { Denom::Vvv })
}

/// The parameters of a module whose amounts are all of DIEM.
pub(super) mod diem {
    use diem_core::Denom;
    use serde::{Serialize, Serializer};

    pub(in super::super) use super::deserialize;

    /// Writes the parameters with coins of DIEM.
    pub(in super::super) fn serialize<T: Serialize, S: Serializer>(
        params: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        super::with_coins(params, serializer, |_| Denom::Diem)
    }
}

fn with_coins<T: Serialize, S: Serializer>(
    params: &T,
    serializer: S,
    denom: impl Fn(&str) -> Denom,
) -> Result<S::Ok, S::Error> {
    let mut value = serde_json::to_value(params).map_err(S::Error::custom)?;
    for (name, field) in value.as_object_mut().into_iter().flatten() {
        let Some(amount) = serde_json::from_value::<Amount>(field.clone()).ok() else { continue };
        *field = serde_json::to_value(Coin::new(amount, denom(name))).map_err(S::Error::custom)?;
    }
    value.serialize(serializer)
}

/// Reads what [`serialize`] has written.
pub(super) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let mut value = Value::deserialize(deserializer)?;
    for (_, field) in value.as_object_mut().into_iter().flatten() {
        if let Some(amount) = field.get("amount").filter(|_| field.get("denom").is_some()) {
            *field = amount.clone();
        }
    }
    serde_json::from_value(value).map_err(D::Error::custom)
}
