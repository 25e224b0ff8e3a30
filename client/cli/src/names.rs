//! Names beside addresses: the account that a person calls `bob` is shown as `bob (0x..)`, so that nobody has to
//! compare digits to see who is meant. The address stays: a name is this wallet's own, and says nothing on any other
//! machine.

use std::collections::BTreeMap;

use diem_core::Address;
use diem_genesis::check_name;
use diem_wallet::KeyStore;

/// The names that a wallet has for addresses.
#[derive(Debug, Default)]
pub struct Names(BTreeMap<Address, String>);

impl Names {
    /// The names that the keys of a wallet have on a chain; of two for one address, the first by the alphabet. Names of
    /// development keys count on development chains only. A folder or a file that cannot be read gives no name, because
    /// the screen is right without: a command that needs the key reports the error.
    pub fn of(keys: &KeyStore, chain_id: &str) -> Self {
        let development = diem_core::development::is_development(chain_id);
        let mut names = BTreeMap::new();
        for (name, key) in keys.list().unwrap_or_default() {
            // A name that looks like an address would be shown as somebody else's.
            if let Ok(key) = key
                && (development || !key.is_for_development())
                && check_name(&name).is_ok()
            {
                names.entry(key.address).or_insert(name);
            }
        }
        Self(names)
    }

    /// An address with its name.
    pub fn who(&self, address: &Address) -> String {
        self.shown(address, &address.to_string())
    }

    /// Puts a name before every address of a text that has one. Text between double quotes is somebody's own (a name, a
    /// reference), and stays as it is.
    pub fn text(&self, text: &str) -> String {
        let (mut named, mut quoted) = (String::with_capacity(text.len()), false);
        for piece in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
            let word = piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            let rest = piece.strip_prefix(word).unwrap_or_default();
            match address(word).filter(|_| !quoted) {
                Some(address) => named.push_str(&self.shown(&address, word)),
                None => named.push_str(word),
            }
            named.push_str(rest);
            quoted ^= rest == "\"";
        }
        named
    }

    /// The name of an address.
    pub fn name(&self, address: &Address) -> Option<&str> {
        self.0.get(address).map(String::as_str)
    }

    fn shown(&self, address: &Address, text: &str) -> String {
        match self.0.get(address) {
            Some(name) => format!("{name} ({text})"),
            None => text.into(),
        }
    }
}

/// The address that a word stands for, in either form.
fn address(word: &str) -> Option<Address> {
    let looks = word.starts_with("0x") || word.starts_with("diem1");
    looks.then(|| word.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: Address = Address([1; 20]);
    const BOB: Address = Address([2; 20]);
    const STRANGER: Address = Address([3; 20]);

    fn names() -> Names {
        Names(BTreeMap::from([(ALICE, "alice".into()), (BOB, "bob".into())]))
    }

    #[test]
    fn both_forms_of_an_address_get_its_name_wherever_they_stand() {
        let (alice, bob, stranger) = (ALICE.to_hex(), BOB.to_string(), STRANGER.to_hex());
        for (text, expected) in [
            (format!("Send 1 VVV to {alice}"), format!("Send 1 VVV to alice ({alice})")),
            (bob.clone(), format!("bob ({bob})")),
            (format!("{bob}, nonce 3"), format!("bob ({bob}), nonce 3")),
            (
                format!("from {alice} to {bob}: «{alice}»"),
                format!("from alice ({alice}) to bob ({bob}): «alice ({alice})»"),
            ),
            (format!("Send 1 VVV to {stranger}"), format!("Send 1 VVV to {stranger}")),
            ("0x12 diem1x and no more\n".into(), "0x12 diem1x and no more\n".into()),
            (String::new(), String::new()),
        ] {
            assert_eq!(names().text(&text), expected);
        }
        assert_eq!(names().who(&BOB), format!("bob ({bob})"));
        assert_eq!(names().who(&STRANGER), STRANGER.to_string());
        assert_eq!(Names::default().text(&format!("to {alice}")), format!("to {alice}"));
    }

    #[test]
    fn a_longer_word_is_no_address() {
        let alice = ALICE.to_hex();
        for text in [format!("{alice}0"), format!("x{alice}"), format!("0x{}", hex::encode([1; 32]))] {
            assert_eq!(names().text(&text), text);
        }
    }

    #[test]
    fn the_words_of_others_stay_as_they_are() {
        let (alice, bob) = (ALICE.to_hex(), BOB.to_hex());
        let text = format!("Spend 1 credit of day 5 at {bob} for \"{alice} said so\" and \"{alice}\", {alice}");
        let expected =
            format!("Spend 1 credit of day 5 at bob ({bob}) for \"{alice} said so\" and \"{alice}\", alice ({alice})");
        assert_eq!(names().text(&text), expected);
    }
}
