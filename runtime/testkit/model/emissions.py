"""Emission, the protocol fee and transaction fees (section 4)."""

import staking
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
    """Gives `amount` to the active validators' positions; whole avvv of what the divisions leave
    are carried to the next emission. Returns the protocol fee in it."""
    active = [n for n in s.told if not s.validators[n].tombstoned]
    total = sum(s.validators[n].tokens for n in active)
    s.dust += amount * INDEX
    parts = [(n, amount * s.validators[n].tokens // total) for n in active] if total else []
    fee = sum(reward(s, name, part, fee_bps) for name, part in parts)
    whole, s.dust = divmod(s.dust, INDEX)
    s.carry += whole
    return fee


def reward(s, name, part, fee_bps):
    """One validator's part; returns the protocol fee in it."""
    v = s.validators[name]
    if part == 0:
        return 0
    locked = locked_shares(s, name)
    fee = part * fee_bps * locked // (BPS * v.shares)
    commission = (part - fee) * staking.commission(s, v) // BPS
    rest = part - fee - commission
    free = v.shares - locked
    weight = BPS * free + (BPS - fee_bps) * locked
    per_free = BPS * rest * INDEX // weight
    per_locked = (BPS - fee_bps) * rest * INDEX // weight
    v.free_index += per_free
    v.locked_index += per_locked
    v.commission_due += commission
    s.dust -= (fee + commission) * INDEX + per_free * free + per_locked * locked
    return fee


def emit(s):
    """The emission since the last block, with what earlier divisions left."""
    until = emitted_until(s.schedule, s.time)
    new = until - s.schedule_paid
    s.schedule_paid = until
    s.emitted += new
    amount, s.carry = new + s.carry, 0
    fees = share_out(s, amount, s.protocol_fee_bps)
    s.rewards += new - fees
    s.open_rent += fees


def share_fees(s):
    """The transaction fees of the last block."""
    fees, s.fees = s.fees, 0
    share_out(s, fees, 0)
    s.rewards += fees
