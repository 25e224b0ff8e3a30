"""Emission, the protocol fee and transaction fees (section 4)."""

from staking import BPS, INDEX

SECONDS_PER_YEAR = 31_536_000


def emitted_until(schedule, time):
    """E(t): the avvv that the schedule [(from ms, avvv a year)] has emitted at `time`."""
    total = 0
    ends = [start for start, _ in schedule[1:]] + [time]
    for (start, per_year), end in zip(schedule, ends):
        elapsed = max(0, min(end, time) - start)
        total += per_year // SECONDS_PER_YEAR * elapsed // 1000
    return total


def locked_shares(s, name):
    """L: the locked shares of a validator, counted one by one."""
    return sum(p.locked for (_, v), p in s.positions.items() if v == name)


def share_out(s, amount, fee_bps):
    """Gives `amount` to the active validators' positions, returns (protocol fee, left over)."""
    active = [n for n in s.told if not s.validators[n].tombstoned]
    total = sum(s.validators[n].tokens for n in active)
    if total == 0:
        return 0, amount
    parts = [(n, amount * s.validators[n].tokens // total) for n in active]
    fees = sum(reward(s, name, part, fee_bps) for name, part in parts)
    return fees, amount - sum(part for _, part in parts)


def reward(s, name, part, fee_bps):
    """One validator's part; returns the protocol fee in it."""
    v = s.validators[name]
    if part == 0:
        return 0
    locked = locked_shares(s, name)
    fee = part * fee_bps * locked // (BPS * v.shares)
    commission = (part - fee) * v.commission_bps // BPS
    rest = part - fee - commission
    weight = BPS * (v.shares - locked) + (BPS - fee_bps) * locked
    v.free_index += BPS * rest * INDEX // weight
    v.locked_index += (BPS - fee_bps) * rest * INDEX // weight
    v.commission_due += commission
    s.rewards += part - fee
    return fee


def emit(s):
    """The emission since the last block, with what its divisions left."""
    until = emitted_until(s.schedule, s.time)
    new = until - s.schedule_paid
    s.schedule_paid = until
    s.emitted += new
    fees, s.carry = share_out(s, new + s.carry, s.protocol_fee_bps)
    s.open_rent += fees


def share_fees(s):
    """The transaction fees of the last block."""
    _, s.fees = share_out(s, s.fees, 0)
