//! The gas of calls, as a table: what a call costs is computed from the same rows that a client is told.

/// The gas of one kind of call, beside what its bytes and its transaction cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallGas {
    /// The call's name: its `type` in JSON.
    pub name: &'static str,
    /// Gas of every such call.
    pub base: u64,
    /// Gas of each item of a list that the call holds, where it holds one.
    pub per_item: Option<ItemGas>,
}

/// The gas of each item of a call's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemGas {
    /// The field in which the list stands: its name in JSON, after a dot that of a field inside it.
    pub list: &'static str,
    /// Gas of one item.
    pub gas: u64,
}

impl CallGas {
    /// The gas of a call with so many items.
    pub const fn of(&self, items: usize) -> u64 {
        match self.per_item {
            // A list fits a transaction, hence a u64.
            Some(item) => self.base.saturating_add(item.gas.saturating_mul(items as u64)),
            None => self.base,
        }
    }
}

/// A call whose gas stands in its module's table, which [`crate::gas_of_calls!`] writes.
pub trait Metered {
    /// The gas of the call beside what its bytes cost; a pure function of the call.
    fn gas(&self) -> u64;
}

/// Writes the gas of a module's calls: `GAS`, one row for each in the order of their numbers, and [`Metered`], which
/// computes a call's gas from its row. A line is `Variant "name" = base`, with `; gas => each field` where the items of
/// a list cost. A message without a line does not compile.
#[macro_export]
macro_rules! gas_of_calls {
    ($msg:ident { $($variant:ident $name:literal = $base:expr $(; $item:expr => each $list:ident $(. $inner:ident)?)?,)+ }) => {
        impl $msg {
            /// The gas of each call, in the order of their numbers.
            pub const GAS: &'static [$crate::CallGas] = &[
                $($crate::gas_of_calls!(@row $name, $base $(, [$list $(. $inner)?] $item)?),)+
            ];
        }

        impl $crate::Metered for $msg {
            fn gas(&self) -> u64 {
                match self {
                    $(Self::$variant { $($list,)? .. } => {
                        const ROW: $crate::CallGas = $crate::gas_of_calls!(@row $name, $base $(, [$list $(. $inner)?] $item)?);
                        ROW.of($crate::gas_of_calls!(@items $($list $(. $inner)?)?))
                    })+
                }
            }
        }
    };
    (@row $name:literal, $base:expr) => {
        $crate::CallGas { name: $name, base: $base, per_item: None }
    };
    (@row $name:literal, $base:expr, [$list:ident $(. $inner:ident)?] $item:expr) => {
        $crate::CallGas {
            name: $name,
            base: $base,
            per_item: Some($crate::ItemGas { list: concat!(stringify!($list) $(, ".", stringify!($inner))?), gas: $item }),
        }
    };
    (@items) => { 0 };
    (@items $list:ident $(. $inner:ident)?) => { $list$(.$inner)?.len() };
}
