//! A module's parameters as the API shows them: every amount as a coin. The modules write base units alone, as in a
//! genesis.

use diem_core::{Amount, Denom};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, de::Error as _, ser::Error as _};
use serde_json::Value;

use super::Coin;

/// Writes the parameters with coins. A field whose name ends in `diem` is of DIEM, every other amount of VVV.
pub(super) fn serialize<T: Serialize, S: Serializer>(params: &T, serializer: S) -> Result<S::Ok, S::Error> {
    let denom = |name: &str| if name.ends_with("diem") { Denom::Diem } else { Denom::Vvv };
    with_coins(params, serializer, |name| Some(denom(name)))
}

/// The parameters of the bridge. Their amounts are of DIEM, and other numbers beside them are texts of digits as well.
pub(super) mod bridge {
    use diem_core::Denom;
    use serde::{Serialize, Serializer};

    pub(in super::super) use super::deserialize;

    pub(super) const AMOUNTS: [&str; 4] = ["min_out", "min_fee", "out_capacity", "credit_capacity"];

    /// Writes the parameters with coins of DIEM.
    pub(in super::super) fn serialize<T: Serialize, S: Serializer>(
        params: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        super::with_coins(params, serializer, |name| AMOUNTS.contains(&name).then_some(Denom::Diem))
    }
}

fn with_coins<T: Serialize, S: Serializer>(
    params: &T,
    serializer: S,
    denom: impl Fn(&str) -> Option<Denom>,
) -> Result<S::Ok, S::Error> {
    let mut value = serde_json::to_value(params).map_err(S::Error::custom)?;
    for (name, field) in value.as_object_mut().into_iter().flatten() {
        let Some(denom) = denom(name) else { continue };
        let Some(amount) = serde_json::from_value::<Amount>(field.clone()).ok() else { continue };
        *field = serde_json::to_value(Coin::new(amount, denom)).map_err(S::Error::custom)?;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Shown(#[serde(with = "bridge")] diem_bridge::Params);

    #[test]
    fn the_amounts_of_the_bridge_are_coins_and_its_times_are_not() {
        let params = diem_bridge::Params::default();
        let bare = serde_json::to_value(params).unwrap();
        let shown = serde_json::to_value(Shown(params)).unwrap();
        for (name, value) in bare.as_object().unwrap() {
            if bridge::AMOUNTS.contains(&name.as_str()) {
                assert_eq!((&shown[name]["amount"], &shown[name]["denom"]), (value, &"DIEM".into()), "{name}");
            } else {
                assert_eq!(&shown[name], value, "{name}");
            }
        }
        assert!(bridge::AMOUNTS.iter().all(|name| bare.get(name).is_some()));
        assert_eq!(serde_json::from_value::<Shown>(shown).unwrap().0, params);
    }
}
