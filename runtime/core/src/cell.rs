//! State as typed constants: `const ACCOUNTS: Map<Address, Account> = Map::new(ID, 0)`.
//!
//! A key is the module's byte, a table byte and order-preserving parts; a value is borsh and never empty.

use std::marker::PhantomData;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::{Address, Denom, Key, ModuleId, Page, StateRead, StateWrite, Value, storage::prefix_end};

/// A part of a key whose bytes sort as its values do. Every part has a fixed width, so that tuples sort as well.
pub trait KeyPart: Sized {
    /// The number of bytes.
    const WIDTH: usize;
    /// Appends the part's bytes, [`KeyPart::WIDTH`] of them, to a key.
    fn write(&self, key: &mut Key);
    /// Reads the bytes back; `None` if they are not exactly [`KeyPart::WIDTH`].
    fn read(bytes: &[u8]) -> Option<Self>;
}

macro_rules! integer_key {
    ($($t:ty),*) => {$(
        impl KeyPart for $t {
            const WIDTH: usize = size_of::<$t>();
            fn write(&self, key: &mut Key) {
                key.extend_from_slice(&self.to_be_bytes());
            }
            fn read(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(<$t>::from_be_bytes)
            }
        }
    )*};
}
integer_key!(u8, u16, u32, u64, u128);

impl<const N: usize> KeyPart for [u8; N] {
    const WIDTH: usize = N;
    fn write(&self, key: &mut Key) {
        key.extend_from_slice(self);
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok()
    }
}

impl KeyPart for Address {
    const WIDTH: usize = 20;
    fn write(&self, key: &mut Key) {
        key.extend_from_slice(&self.0);
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Address)
    }
}

impl KeyPart for Denom {
    const WIDTH: usize = 1;
    fn write(&self, key: &mut Key) {
        key.push(*self as u8);
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|denom| [*denom as u8] == bytes)
    }
}

impl KeyPart for ModuleId {
    const WIDTH: usize = 1;
    fn write(&self, key: &mut Key) {
        key.push(self.0);
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        u8::read(bytes).map(Self)
    }
}

impl<A: KeyPart, B: KeyPart> KeyPart for (A, B) {
    const WIDTH: usize = A::WIDTH + B::WIDTH;
    fn write(&self, key: &mut Key) {
        self.0.write(key);
        self.1.write(key);
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        let (a, b) = bytes.split_at_checked(A::WIDTH)?;
        Some((A::read(a)?, B::read(b)?))
    }
}

impl<A: KeyPart, B: KeyPart, C: KeyPart> KeyPart for (A, B, C) {
    const WIDTH: usize = A::WIDTH + B::WIDTH + C::WIDTH;
    fn write(&self, key: &mut Key) {
        self.0.write(key);
        self.1.write(key);
        self.2.write(key);
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        let (a, rest) = bytes.split_at_checked(A::WIDTH)?;
        let (b, c) = rest.split_at_checked(B::WIDTH)?;
        Some((A::read(a)?, B::read(b)?, C::read(c)?))
    }
}

/// Encodes a value as the row that is stored.
fn encode(value: &impl BorshSerialize) -> Value {
    let mut row = Value::new();
    #[expect(clippy::expect_used, reason = "memory takes every write, and rows hold nothing unencodable")]
    value.serialize(&mut row).expect("a row encodes into memory");
    row
}

/// Decodes a row of its table.
///
/// # Panics
/// If the row is not of this type: the store is damaged or was written by a newer binary, and no result computed from
/// it could be trusted.
fn decode<T: BorshDeserialize>(key: &[u8], row: &[u8]) -> T {
    match T::try_from_slice(row) {
        Ok(value) => value,
        Err(error) => panic!(
            "state row {} does not decode ({error}): the store is damaged or was written by a newer diemd",
            hex::encode(key)
        ),
    }
}

/// A table with one row, such as a module's parameters.
pub struct Item<T> {
    key: [u8; 2],
    of: PhantomData<fn() -> T>,
}

impl<T: BorshSerialize + BorshDeserialize> Item<T> {
    /// The row of `table` in `module`.
    pub const fn new(module: ModuleId, table: u8) -> Self {
        Self { key: [module.0, table], of: PhantomData }
    }

    /// The key, for proofs.
    pub const fn key(&self) -> [u8; 2] {
        self.key
    }

    /// The value, if it was ever set.
    pub fn get(&self, state: &dyn StateRead) -> Option<T> {
        state.get(&self.key).map(|row| self.decode(&row))
    }

    /// The value in the bytes of this row, for whoever reads them without a state.
    pub fn decode(&self, row: &[u8]) -> T {
        decode(&self.key, row)
    }

    /// Writes the value, in place of one that was there.
    pub fn set(&self, state: &mut dyn StateWrite, value: &T) {
        state.set(&self.key, encode(value));
    }

    /// Removes the row; it is no error if there is none.
    pub fn remove(&self, state: &mut dyn StateWrite) {
        state.remove(&self.key);
    }
}

/// A table of rows by key.
pub struct Map<K, T> {
    prefix: [u8; 2],
    of: PhantomData<fn(K) -> T>,
}

impl<K: KeyPart, T: BorshSerialize + BorshDeserialize> Map<K, T> {
    /// The table `table` of `module`.
    pub const fn new(module: ModuleId, table: u8) -> Self {
        Self { prefix: [module.0, table], of: PhantomData }
    }

    /// Whether a row with this key is one of the table's.
    pub fn has_key(&self, key: &[u8]) -> bool {
        key.starts_with(&self.prefix)
    }

    /// The key of a row, for proofs.
    pub fn key(&self, key: &K) -> Key {
        let mut bytes = Key::from_slice(&self.prefix);
        key.write(&mut bytes);
        bytes
    }

    /// The value under `key`.
    pub fn get(&self, state: &dyn StateRead, key: &K) -> Option<T> {
        let key = self.key(key);
        state.get(&key).map(|row| decode(&key, &row))
    }

    /// Sets the value under `key`.
    pub fn set(&self, state: &mut dyn StateWrite, key: &K, value: &T) {
        state.set(&self.key(key), encode(value));
    }

    /// Removes the row under `key`.
    pub fn remove(&self, state: &mut dyn StateWrite, key: &K) {
        state.remove(&self.key(key));
    }

    /// Writes rows: of a genesis, over an empty table.
    pub fn fill(&self, state: &mut dyn StateWrite, rows: &[(K, T)]) {
        rows.iter().for_each(|(key, row)| self.set(state, key, row));
    }

    /// Every row in key order. It is for export, invariants and tables that have a bound of their own: what grows
    /// without one is read page by page.
    pub fn all(&self, state: &dyn StateRead) -> Vec<(K, T)> {
        self.range(state, None, usize::MAX)
    }

    /// At most `limit` rows in key order, from `from` on (or from the first).
    pub fn range(&self, state: &dyn StateRead, from: Option<&K>, limit: usize) -> Vec<(K, T)> {
        let start = from.map_or_else(|| Key::from_slice(&self.prefix), |key| self.key(key));
        self.rows(state, &start, prefix_end(&self.prefix), limit)
    }

    /// At most `limit` rows whose keys start with `part`, in key order, from `from` on (or from the first).
    pub fn prefix<P: KeyPart>(&self, state: &dyn StateRead, part: &P, from: Option<&K>, limit: usize) -> Vec<(K, T)> {
        let mut prefix = Key::from_slice(&self.prefix);
        part.write(&mut prefix);
        let start = from.map_or_else(|| prefix.clone(), |key| self.key(key));
        self.rows(state, &start, prefix_end(&prefix), limit)
    }

    /// A page of the table.
    pub fn page(&self, state: &dyn StateRead, page: &Page<K>) -> Vec<(K, T)> {
        let table = Key::from_slice(&self.prefix);
        self.rows(state, &page.start(&table), prefix_end(&table), page.size())
    }

    fn rows(&self, state: &dyn StateRead, start: &[u8], end: Option<Key>, limit: usize) -> Vec<(K, T)> {
        let rows = state.range(start, end.as_deref(), limit);
        rows.iter().map(|(key, row)| (self.read_key(key), decode(key, row))).collect()
    }

    fn read_key(&self, key: &[u8]) -> K {
        match key.get(self.prefix.len()..).and_then(K::read) {
            Some(key) => key,
            None => panic!("state key {} is not of its table: the store is damaged", hex::encode(key)),
        }
    }
}

impl<P: KeyPart, K: KeyPart, T: BorshSerialize + BorshDeserialize> Map<(P, K), T> {
    /// A page of the rows whose keys start with `part`, by the rest of their keys.
    pub fn page_of(&self, state: &dyn StateRead, part: &P, page: &Page<K>) -> Vec<(K, T)> {
        let mut prefix = Key::from_slice(&self.prefix);
        part.write(&mut prefix);
        let rows = self.rows(state, &page.start(&prefix), prefix_end(&prefix), page.size());
        rows.into_iter().map(|((_, key), row)| (key, row)).collect()
    }
}

/// The largest id that an import may name as the next one to be given.
///
/// Counters stop at 2^64 - 1, and there each new row would overwrite the one before. Above this bound is room for
/// 2^63 ids: a chain that gives a million each second needs 290,000 years for them. No chain that ran has come near it.
pub const MAX_NEXT_ID: u64 = 1 << 63;

/// Refuses a next id that leaves no room for those of a chain's life; `what` names the counter.
///
/// # Errors
/// A sentence, if `next` is above [`MAX_NEXT_ID`].
pub fn check_next_id(what: &str, next: u64) -> Result<(), String> {
    if next > MAX_NEXT_ID { Err(format!("{what} is {next}: ids above {MAX_NEXT_ID} would run out")) } else { Ok(()) }
}
