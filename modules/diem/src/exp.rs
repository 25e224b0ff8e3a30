//! The exponential function between two bounds, in integers only.
//!
//! A fixed-point number here is an integer that counts units of 2^-[`FRACTION_BITS`]. For x >= 0 every term of
//! `exp(x) = 1 + x + x^2/2! + ...` is positive, so rounding each step down gives a lower bound of the sum and rounding
//! each step up an upper one; nothing has to be said about how errors add up. What is left out behind the last term
//! is bounded by a geometric series.

use ruint::Uint;

/// A number of 1,024 bits, which is wide enough for every product below.
pub(crate) type Wide = Uint<1024, 16>;

/// The number of bits behind the binary point.
pub(crate) const FRACTION_BITS: usize = 320;

/// The end of the range of x: exp(178) > 2^256, so that no rate of 256 bits needs a larger x.
const X_END: u64 = 178;

/// The most terms: more than any x below [`X_END`] needs (about 700).
const MOST_TERMS: u64 = 2_000;

/// Two fixed-point numbers with the exact value between them, both included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) low: Wide,
    pub(crate) high: Wide,
}

/// Bounds of `exp(numerator / denominator)`, closer together than 2^-50 parts of a unit even after multiplying with
/// the largest factor for which the product fits 256 bits.
///
/// `None` if the quotient is [`X_END`] or more, or the denominator zero, or the numerator above 2^704.
///
/// The checked operations enforce the widths: a term is below exp(178) < 2^257, x below 2^8, both with 320 fraction
/// bits, so a product of the two has less than 2^905.
pub(crate) fn exp(numerator: Wide, denominator: Wide) -> Option<Bounds> {
    let x = Bounds {
        low: numerator.checked_shl(FRACTION_BITS)?.checked_div(denominator)?,
        high: div_ceil(numerator.checked_shl(FRACTION_BITS)?, denominator)?,
    };
    if x.high >= fixed(X_END)? {
        return None;
    }
    let one = fixed(1)?;
    let ulp = Wide::ONE;
    let (mut term, mut sum) = (Bounds { low: one, high: one }, Bounds { low: one, high: one });
    for n in 1..=MOST_TERMS {
        term = next_term(term, x, n)?;
        sum = Bounds { low: sum.low.checked_add(term.low)?, high: sum.high.checked_add(term.high)? };
        // From here on each term is at most half of the one before (x / (n + 1) <= 1/2), so all that follow sum up to
        // no more than this one, which is no more than one unit in the last place.
        let halves = fixed(n)? >= x.high.checked_mul(Wide::from(2u8))?;
        if halves && term.high <= ulp {
            return Some(Bounds { low: sum.low, high: sum.high.checked_add(ulp)? });
        }
    }
    None
}

/// Computes `term * x / n`, rounded outwards.
fn next_term(term: Bounds, x: Bounds, n: u64) -> Option<Bounds> {
    let n = Wide::from(n);
    let low = term.low.checked_mul(x.low)?.wrapping_shr(FRACTION_BITS);
    let high = shift_ceil(term.high.checked_mul(x.high)?)?;
    Some(Bounds { low: low.checked_div(n)?, high: div_ceil(high, n)? })
}

/// Computes `a / 2^FRACTION_BITS`, rounded up.
fn shift_ceil(a: Wide) -> Option<Wide> {
    let (quotient, cut_off) = a.overflowing_shr(FRACTION_BITS);
    if cut_off { quotient.checked_add(Wide::ONE) } else { Some(quotient) }
}

/// The fixed-point form of a whole number.
fn fixed(whole: u64) -> Option<Wide> {
    Wide::from(whole).checked_shl(FRACTION_BITS)
}

fn div_ceil(a: Wide, b: Wide) -> Option<Wide> {
    let quotient = a.checked_div(b)?;
    if a.checked_rem(b)?.is_zero() { Some(quotient) } else { quotient.checked_add(Wide::ONE) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]

    use super::*;

    fn exp_of(numerator: u64, denominator: u64) -> Option<Bounds> {
        exp(Wide::from(numerator), Wide::from(denominator))
    }

    /// The first 60 decimals of a fixed-point number.
    fn decimals(value: Wide) -> String {
        let fraction = value & ((Wide::ONE << FRACTION_BITS) - Wide::ONE);
        let scaled = (fraction * Wide::from(10).pow(Wide::from(60))) >> FRACTION_BITS;
        format!("{}.{scaled:0>60}", value >> FRACTION_BITS)
    }

    #[test]
    fn e_is_what_everybody_says_it_is() {
        // OEIS A001113, the On-Line Encyclopedia of Integer Sequences, has these digits.
        let e = "2.718281828459045235360287471352662497757247093699959574966967";
        let bounds = exp_of(1, 1).unwrap();
        assert_eq!([decimals(bounds.low), decimals(bounds.high)], [e, e]);
        // OEIS A072334 has these digits: e squared.
        let square = "7.389056098930650227230427460575007813180315570551847324087127";
        let bounds = exp_of(2, 1).unwrap();
        assert_eq!([decimals(bounds.low), decimals(bounds.high)], [square, square]);
    }

    #[test]
    fn nothing_raises_to_one() {
        let bounds = exp_of(0, 7).unwrap();
        assert_eq!(bounds.low, fixed(1).unwrap());
        assert_eq!(bounds.high - bounds.low, Wide::ONE);
    }

    #[test]
    fn the_bounds_lie_close_together_up_to_the_largest_x() {
        for (numerator, denominator) in [(1, 1_000_000), (1, 3), (5, 2), (100, 1), (177, 1), (177_999, 1_000)] {
            let Bounds { low, high } = exp_of(numerator, denominator).unwrap();
            assert!(low < high);
            // The bounds are as narrow as 2^-306 of the value, so 2^-50 once the value and its factor are 256 bits
            // long.
            assert!((high - low) << (FRACTION_BITS - 14) < low, "exp({numerator}/{denominator})");
        }
    }

    #[test]
    fn the_product_of_two_powers_is_the_power_of_the_sum() {
        for (a, b) in [(1, 2), (7, 70), (1, 170)] {
            let [a, b, both] = [a, b, a + b].map(|x| exp_of(x, 3).unwrap());
            let product = Bounds { low: (a.low * b.low) >> FRACTION_BITS, high: shift_ceil(a.high * b.high).unwrap() };
            assert!(product.low <= both.high && both.low <= product.high, "two intervals around one number overlap");
        }
    }

    #[test]
    fn what_no_rate_needs_is_refused() {
        assert!(exp_of(178, 1).is_none());
        assert!(exp_of(u64::MAX, 1).is_none());
        assert!(exp_of(1, 0).is_none());
        assert!(exp(Wide::MAX, Wide::ONE).is_none());
    }
}
