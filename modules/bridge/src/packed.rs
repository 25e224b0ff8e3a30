//! The packed encoding of what contracts read: integers big-endian, nothing padded. Source: `abi.encodePacked` in the
//! documentation of Solidity, for values of static types.

use diem_core::{Address, Amount};

/// A value that has a width of its own when it is packed.
pub(crate) trait Field: Sized {
    /// The number of its bytes.
    const WIDTH: usize;

    /// Appends the bytes of the value.
    fn write(&self, out: &mut Vec<u8>);

    /// Takes its bytes off the front; `None` if there are too few of them, or they stand for nothing.
    fn read(bytes: &mut &[u8]) -> Option<Self>;
}

/// The values that fill these bytes one after the other; `None` if they do not.
pub(crate) fn read_all<T: Field>(mut bytes: &[u8]) -> Option<Vec<T>> {
    let mut values = Vec::new();
    while !bytes.is_empty() {
        values.push(T::read(&mut bytes)?);
    }
    Some(values)
}

/// The bytes of these values, one after the other.
pub(crate) fn write_all<T: Field>(values: &[T]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(T::WIDTH.saturating_mul(values.len()));
    values.iter().for_each(|value| value.write(&mut bytes));
    bytes
}

/// Takes so many bytes off the front.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (field, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*field)
}

macro_rules! integers {
    ($($integer:ty)+) => {$(
        impl Field for $integer {
            const WIDTH: usize = size_of::<Self>();

            fn write(&self, out: &mut Vec<u8>) {
                out.extend(self.to_be_bytes());
            }

            fn read(bytes: &mut &[u8]) -> Option<Self> {
                take(bytes).map(Self::from_be_bytes)
            }
        }
    )+};
}

integers!(u8 u16 u64);

impl Field for Amount {
    const WIDTH: usize = 16;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.get().to_be_bytes());
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        take(bytes).map(|units| Self::new(u128::from_be_bytes(units)))
    }
}

impl Field for Address {
    const WIDTH: usize = 20;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.0);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        take(bytes).map(Self)
    }
}

impl Field for [u8; 32] {
    const WIDTH: usize = 32;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        take(bytes)
    }
}
