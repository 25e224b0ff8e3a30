//! diem
pub mod curve;
mod exp;
pub mod offline;
pub mod quote;
pub mod text;

pub use curve::{Curve, CurveError, Formula, Rate, Step, Table};
pub use quote::{PastEnd, quote_in, quote_out};
