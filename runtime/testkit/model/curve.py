"""The mint curve (section 3): its step table from the formula, and what a mint costs.

Amounts are base units: a rate is avvv per whole DIEM, an edge and a supply are adiem.
"""

from fractions import Fraction

ONE = 10**18
# Bits behind the binary point of the exponential's two bounds.
FRACTION_BITS = 640


class Refused(Exception):
    """The chain refuses this call; it has no effect."""


def ceil_div(a, b):
    """a / b rounded up, for b > 0."""
    return -(-a // b)


def exp_bounds(x):
    """Two integers around exp(x) * 2^FRACTION_BITS for a fraction x >= 0.

    The Taylor series, each term once rounded down and once up. The rest after a term whose
    number is above 2x is less than the term itself, because each next one is less than half.
    """
    low_term = high_term = low = high = 1 << FRACTION_BITS
    n = 0
    while n <= 2 * x or high_term > 1:
        n += 1
        low_term = low_term * x.numerator // (x.denominator * n)
        high_term = ceil_div(high_term * x.numerator, x.denominator * n)
        low += low_term
        high += high_term
    return low, high + high_term


def formula_rate(base, power, target, supply):
    """floor(base * exp(power * (supply / target)^3))."""
    low, high = exp_bounds(Fraction(power) * Fraction(supply, target) ** 3)
    low_rate = base * low >> FRACTION_BITS
    if low_rate != base * high >> FRACTION_BITS:
        raise ValueError("the bounds of the exponential are too wide")
    return low_rate


def formula_table(base, power, target, step, steps):
    """[(edge, rate)]: each step is charged at the rate of its upper edge."""
    edges = [step * (i + 1) for i in range(steps)]
    return [(edge, formula_rate(base, power, target, edge)) for edge in edges]


def table_of(genesis):
    """The table of a genesis: given as [[edge, rate], ...], or by the formula's five numbers, of
    which the power has 18 decimals."""
    if isinstance(genesis, list):
        return [(int(edge), int(rate)) for edge, rate in genesis]
    base, power, target, step, steps = (int(genesis[k]) for k in ("base", "power", "target", "step", "steps"))
    return formula_table(base, Fraction(power, ONE), target, step, steps)


def mint_out(table, supply, lock):
    """The DIEM that `lock` avvv mint when `supply` adiem exist."""
    out = 0
    for edge, rate in table:
        left = edge - supply - out
        if left <= 0:
            continue
        to_finish = ceil_div(rate * left, ONE)
        if lock < to_finish:
            return out + lock * ONE // rate
        lock -= to_finish
        out += left
        if lock == 0:
            return out
    raise Refused("past the last step")


def mint_cost(table, supply, out):
    """The avvv to lock for exactly `out` adiem when `supply` adiem exist."""
    cost = 0
    for edge, rate in table:
        left = edge - supply
        if left <= 0:
            continue
        part = min(left, out)
        cost += ceil_div(rate * part, ONE)
        out -= part
        supply += part
        if out == 0:
            return cost
    raise Refused("past the last step")
