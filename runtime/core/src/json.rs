//! Forms of JSON that a plain derive does not give: numbers that no reader may round, and enums that refuse every field
//! which they do not know.

use serde::de;

/// A number that a user chooses, as a string of digits: a JSON number above 2^53 is rounded by many readers. It is read
/// from either form.
pub mod number {
    use std::fmt;

    use serde::{Deserializer, Serializer, de};

    /// Writes the number as a string of digits.
    ///
    /// # Errors
    /// The errors of the serializer.
    pub fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    /// Reads a number or its digits.
    ///
    /// # Errors
    /// The value is neither of them.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_any(EitherForm)
    }

    struct EitherForm;

    impl de::Visitor<'_> for EitherForm {
        type Value = u64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number below 2^64, or the same as a string of digits")
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
            Ok(number)
        }

        fn visit_i64<E: de::Error>(self, number: i64) -> Result<u64, E> {
            u64::try_from(number).map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
            let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = is_plain.then(|| text.parse().ok()).flatten();
            number.ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }
}

macro_rules! coin_form {
    ($(#[$doc:meta])* $name:ident, $unit:literal) => {
        $(#[$doc])*
        pub mod $name {
            use serde::{Deserialize, Deserializer, Serialize as _, Serializer};

            use super::Coin;
            use crate::Amount;

            /// Writes amount, unit and the form for people.
            ///
            /// # Errors
            /// The errors of the serializer.
            pub fn serialize<S: Serializer>(amount: &Amount, serializer: S) -> Result<S::Ok, S::Error> {
                Coin { amount: *amount, denom: $unit.into(), display: format!("{amount} {}", $unit) }.serialize(serializer)
            }

            /// Reads the amount out of an object of this form.
            ///
            /// # Errors
            /// The value has another form, or the unit of another field.
            pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
                Coin::deserialize(deserializer)?.of($unit).map_err(serde::de::Error::custom)
            }
        }
    };
}

/// An amount as it is shown wherever the chain tells something.
#[derive(serde::Serialize, serde::Deserialize)]
struct Coin {
    amount: crate::Amount,
    denom: String,
    display: String,
}

impl Coin {
    fn of(self, unit: &str) -> Result<crate::Amount, String> {
        let words = || format!("an amount of {}, where it should be of {unit}", crate::text::shortened(&self.denom));
        if self.denom == unit { Ok(self.amount) } else { Err(words()) }
    }
}

coin_form!(
    /// An amount of VVV in an event: `{amount, denom, display}`.
    vvv,
    "VVV"
);
coin_form!(
    /// An amount of DIEM in an event.
    diem,
    "DIEM"
);
coin_form!(
    /// An amount of credit in an event.
    credit,
    "credit"
);

/// Reads an object without any field: for the unit variants of an enum with a tag, which would ignore the fields
/// beside their tag.
///
/// # Errors
/// There is a field; the error names it.
pub fn no_fields<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    let Nothing {} = serde::Deserialize::deserialize(deserializer)?;
    Ok(())
}

/// The access to a map of which every value must be an object. The plain derive of an enum with a tag, and of a struct,
/// takes the values of its fields in a list as well, where nothing says which is which.
pub struct OfObjects<A>(pub A);

impl<'de, A: de::MapAccess<'de>> de::MapAccess<'de> for OfObjects<A> {
    type Error = A::Error;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(&mut self, key: K) -> Result<Option<K::Value>, A::Error> {
        self.0.next_key_seed(key)
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, value: V) -> Result<V::Value, A::Error> {
        self.0.next_value_seed(Object(value))
    }
}

struct Object<V>(V);

impl<'de, V: de::DeserializeSeed<'de>> de::DeserializeSeed<'de> for Object<V> {
    type Value = V::Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, V: de::DeserializeSeed<'de>> de::Visitor<'de> for Object<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object with named fields")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.deserialize(de::value::MapAccessDeserializer::new(map))
    }
}

/// Refuses a list in the place of an object: `given` is a document as somebody wrote it, `meant` what was read from it.
/// The plain derive takes the values of a struct's fields in a list as well, where nothing says which is which.
///
/// # Errors
/// The place of the first such list, and what belongs there.
pub fn no_list_for_an_object(given: &serde_json::Value, meant: &impl serde::Serialize) -> Result<(), String> {
    let meant = serde_json::to_value(meant).map_err(|error| error.to_string())?;
    let Some(mut place) = list_for_an_object(given, &meant) else { return Ok(()) };
    place.reverse();
    let place = place.concat();
    let colon = if place.is_empty() { "" } else { ": " };
    let place = place.trim_start_matches('.');
    Err(format!("{}{colon}a list, where an object with named fields belongs", crate::text::shortened(place)))
}

/// The parts of the path to that list, the innermost first.
fn list_for_an_object(given: &serde_json::Value, meant: &serde_json::Value) -> Option<Vec<String>> {
    use serde_json::Value::{Array, Object};
    let below = |part: String, given, meant| {
        let mut place = list_for_an_object(given, meant)?;
        place.push(part);
        Some(place)
    };
    match (given, meant) {
        (Array(_), Object(_)) => Some(Vec::new()),
        (Array(given), Array(meant)) => {
            let mut pairs = given.iter().zip(meant).enumerate();
            pairs.find_map(|(at, (given, meant))| below(format!("[{at}]"), given, meant))
        }
        (Object(given), Object(meant)) => {
            given.iter().find_map(|(name, given)| below(format!(".{name}"), given, meant.get(name)?))
        }
        _ => None,
    }
}

/// Gives an enum that is written as `{"variant": ..}` a form in which a second field is an error that names the field;
/// the plain derive complains about a missing brace. Errors call it by `$words`, such as `"call"`. The enum derives
/// both traits with `#[serde(remote = "Self")]`. With `of objects` a value that is no object is an error too.
#[macro_export]
macro_rules! one_field_enum {
    ($name:ident, $words:literal) => {
        $crate::one_field_enum!($name, $words, ::core::convert::identity);
    };
    ($name:ident, $words:literal of objects) => {
        $crate::one_field_enum!($name, $words, $crate::json::OfObjects);
    };
    ($name:ident, $words:literal, $access:path) => {
        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error> {
                Self::serialize(self, serializer)
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> ::core::result::Result<Self, D::Error> {
                struct OneField;

                impl<'de> ::serde::de::Visitor<'de> for OneField {
                    type Value = $name;

                    fn expecting(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                        f.write_str(concat!("the name of a ", $words, ", or an object with it as its one field"))
                    }

                    fn visit_str<E: ::serde::de::Error>(self, text: &str) -> ::core::result::Result<$name, E> {
                        $name::deserialize(::serde::de::IntoDeserializer::<E>::into_deserializer(text))
                    }

                    fn visit_map<A: ::serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> ::core::result::Result<$name, A::Error> {
                        let found =
                            $name::deserialize(::serde::de::value::MapAccessDeserializer::new($access(&mut map)))?;
                        match map.next_key::<::std::string::String>()? {
                            None => Ok(found),
                            Some(more) => Err(::serde::de::Error::custom(format_args!(
                                "unknown field `{more}`, there is one field in a {}",
                                $words
                            ))),
                        }
                    }
                }

                deserializer.deserialize_any(OneField)
            }
        }
    };
}
