"""Stake, its tranches, locks and slashes (section 2 and the locks of section 3).

Everything here changes one `State`. A position is (account, validator) -> row.
"""

from dataclasses import dataclass
from typing import Optional

from curve import ONE, Refused, ceil_div, mint_cost, mint_out

BPS = 10**4
INDEX = 10**36
MAX_ENTRIES = 32


@dataclass
class Validator:
    """T and S of section 2, the indices of section 4 and the operator's part."""

    tokens: int = 0
    shares: int = 0
    commission_bps: int = 0
    next_commission: Optional[tuple] = None
    commission_due: int = 0
    free_index: int = 0
    locked_index: int = 0
    tombstoned: bool = False


@dataclass
class Position:
    """What one account holds with one validator. `earned` is in units of 10^-36 avvv: claims pay
    whole avvv, the rest stays."""

    shares: int = 0
    locked: int = 0
    outstanding: int = 0
    earned: int = 0
    free_index: int = 0
    locked_index: int = 0


@dataclass
class Entry:
    """Stake that left a validator: a tranche (`to` is None, `amount` in avvv) or a move
    (`amount` in shares of `to`)."""

    account: str
    source: str
    to: Optional[str]
    amount: int
    height: int


def position(s, account, name):
    """The position's row, made empty if there was none."""
    if name not in s.validators:
        raise Refused("no such validator")
    return s.positions.setdefault((account, name), Position())


def unsettled(s, p, name):
    """Rewards that the indices promise this position since it was last settled, in 10^-36 avvv."""
    v = s.validators[name]
    free = (p.shares - p.locked) * (v.free_index - p.free_index)
    locked = p.locked * (v.locked_index - p.locked_index)
    return free + locked


def settled(s, account, name):
    """The position with its rewards settled: called before every change of it."""
    p, v = position(s, account, name), s.validators[name]
    p.earned += unsettled(s, p, name)
    p.free_index, p.locked_index = v.free_index, v.locked_index
    return p


def moved(s, account, name):
    """Shares of the position that came by `restake` and have not waited out unbonding."""
    return sum(e.amount for e in s.entries.values() if e.account == account and e.to == name)


def shares_for(v, amount, free):
    """The shares that an amount of VVV takes out of `free` shares."""
    most = free * v.tokens // v.shares if v.shares else 0
    if amount <= 0 or amount > most:
        raise Refused("more than is free")
    return free if amount == most else ceil_div(amount * v.shares, v.tokens)


def deposit(s, account, name, amount):
    """Adds bonded VVV to a position and returns the new shares."""
    p, v = settled(s, account, name), s.validators[name]
    if amount <= 0 or v.tombstoned or (v.shares > 0 and v.tokens == 0):
        raise Refused("cannot be staked")
    new = amount * v.shares // v.tokens if v.shares else amount
    v.tokens += amount
    v.shares += new
    p.shares += new
    return new


def take_out(s, p, name, shares, amount):
    """Removes shares and their VVV; the dust of an empty validator is burned."""
    v = s.validators[name]
    p.shares -= shares
    v.shares -= shares
    v.tokens -= amount
    if v.shares == 0:
        s.burn_bonded(v.tokens)
        v.tokens = 0


def value(v, shares):
    return shares * v.tokens // v.shares if v.shares else 0


def check_left(s, account, name, amount):
    """What an unstake or a restake of `amount` may leave behind: nothing, or the least stake of both."""
    p = s.positions[account, name]
    if p.shares and (amount < s.min_stake or value(s.validators[name], p.shares) < s.min_stake):
        raise Refused("dust")


def check_deposit(s, account, name, amount):
    if value(s.validators[name], position(s, account, name).shares) + amount < s.min_stake:
        raise Refused("less than the least stake")


def add_entry(s, entry):
    """Tranches and moves share one row of ids."""
    if len([e for e in s.entries.values() if e.account == entry.account]) >= MAX_ENTRIES:
        raise Refused("too many entries")
    s.entries[s.next_entry] = entry
    s.next_entry += 1


def end_positions(s):
    """A position without shares ends once there is no whole avvv to claim; the rest is dust."""
    for key, p in list(s.positions.items()):
        if p.shares == 0 and p.earned < INDEX:
            s.dust += p.earned
            del s.positions[key]


def bond(s, sender, validator, amount):
    s.pay(sender, "vvv", amount)
    deposit(s, sender, validator, amount)
    s.bonded += amount


def stake(s, sender, validator, amount):
    position(s, sender, validator)
    check_deposit(s, sender, validator, amount)
    bond(s, sender, validator, amount)


def unstake(s, sender, validator, amount):
    p = settled(s, sender, validator)
    free = p.shares - max(p.locked, moved(s, sender, validator))
    shares = shares_for(s.validators[validator], amount, free)
    take_out(s, p, validator, shares, amount)
    check_left(s, sender, validator, amount)
    add_entry(s, Entry(sender, validator, None, amount, s.height))


def cancel_unstake(s, sender, tranche):
    entry = s.entries.get(tranche)
    if entry is None or entry.to is not None or entry.account != sender:
        raise Refused("not a tranche of the sender")
    if jobs_for(s, tranche, entry):
        raise Refused("a slash is pending")
    deposit(s, sender, entry.source, entry.amount)
    del s.entries[tranche]


def restake(s, sender, source, to, amount):
    """Unlocked shares go first, then locked ones with their part of the DIEM outstanding."""
    if source == to:
        raise Refused("the same validator")
    p = settled(s, sender, source)
    shares = shares_for(s.validators[source], amount, p.shares - moved(s, sender, source))
    locked = max(0, shares - (p.shares - p.locked))
    outstanding = ceil_div(p.outstanding * locked, p.locked) if locked else 0
    p.locked -= locked
    p.outstanding -= outstanding
    if locked and p.outstanding == 0:
        # Rounding up took the last DIEM along: no burn could ever open the rest.
        p.locked = 0
    take_out(s, p, source, shares, amount)
    check_left(s, sender, source, amount)
    new = deposit(s, sender, to, amount)
    target = position(s, sender, to)
    target.locked += ceil_div(new * locked, shares)
    target.outstanding += outstanding
    add_entry(s, Entry(sender, source, to, new, s.height))


def pending(s, account, name):
    """What a claim would pay, the operator's commission included."""
    p = position(s, account, name)
    due = s.validators[name].commission_due if account == name else 0
    return (p.earned + unsettled(s, p, name)) // INDEX + due


def take_rewards(s, account, name):
    amount = pending(s, account, name)
    settled(s, account, name).earned %= INDEX
    if account == name:
        s.validators[name].commission_due = 0
    if amount == 0:
        raise Refused("nothing to claim")
    s.rewards -= amount
    return amount


def commission(s, v):
    """The commission of this block's day in basis points: a changed one counts from the day after."""
    if v.next_commission and v.next_commission[1] <= s.epoch():
        return v.next_commission[0]
    return v.commission_bps


def edit_commission(s, sender, bps):
    """At most `max_commission_bps`, and at most `max_commission_change_bps` from today's."""
    v = s.validators.get(sender)
    if v is None or bps > s.max_commission_bps:
        raise Refused("no validator, or too much")
    v.commission_bps = commission(s, v)
    if abs(bps - v.commission_bps) > s.max_commission_change_bps:
        raise Refused("too far from today's")
    v.next_commission = bps, s.epoch() + 1


def claim(s, sender, validator):
    s.give(sender, "vvv", take_rewards(s, sender, validator))


def claim_and_stake(s, sender, validator):
    amount = take_rewards(s, sender, validator)
    check_deposit(s, sender, validator, amount)
    deposit(s, sender, validator, amount)
    s.bonded += amount


def lock_for(s, sender, validator, lock, out):
    """Locks `lock` VVV of the sender's stake against `out` new DIEM."""
    if out <= 0:
        raise Refused("mints nothing")
    p = settled(s, sender, validator)
    shares = shares_for(s.validators[validator], lock, p.shares - p.locked)
    p.locked += shares
    p.outstanding += out
    s.give(sender, "diem", out)


def mint(s, sender, validator, lock, min_out):
    out = mint_out(s.table, s.diem_supply(), lock)
    if out < min_out:
        raise Refused("less than the minimum")
    lock_for(s, sender, validator, lock, out)


def mint_exact(s, sender, validator, out, max_lock):
    lock = mint_cost(s.table, s.diem_supply(), out)
    if lock > max_lock:
        raise Refused("more than the maximum")
    lock_for(s, sender, validator, lock, out)


def burn(s, sender, validator, amount):
    p = settled(s, sender, validator)
    if amount <= 0 or amount > p.outstanding:
        raise Refused("more than is outstanding")
    s.pay(sender, "diem", amount)
    p.locked -= p.locked * amount // p.outstanding
    p.outstanding -= amount


def left_at(s, entry):
    """The time from which unbonding counts: that of the block after the one it left in."""
    return s.times.get(entry.height + 1)


def is_due(s, entry):
    start = left_at(s, entry)
    return start is not None and s.time > start + s.unbonding_ms


def finish(s, i, e):
    """A tranche is paid, a move is free."""
    if e.to is None:
        s.bonded -= e.amount
        s.give(e.account, "vvv", e.amount)
    del s.entries[i]


def pay_matured(s):
    """What is due, unless the queues of this history stand still."""
    for i, e in sorted(s.entries.items()):
        if is_due(s, e) and not s.queues_stand:
            finish(s, i, e)


def collect(s, sender, entry):
    """Slashes that the entry has not met yet come first."""
    e = s.entries.get(entry)
    if e is None or e.account != sender or not is_due(s, e):
        raise Refused("not an entry of the sender, or not due")
    for _, _, slash_bps, _ in jobs_for(s, entry, e):
        slash_entry(s, entry, e, slash_bps)
    if entry in s.entries:
        finish(s, entry, e)


def equivocation(s, name, height, time, slash_bps):
    """Slashes and tombstones a validator for an offence at `height`, once."""
    v = s.validators[name]
    if v.tombstoned or s.time - time > s.unbonding_ms:
        return
    v.tombstoned = True
    slash_tokens(s, v, v.tokens * slash_bps // BPS)
    s.jobs.append((name, height, slash_bps, s.next_entry))


def jobs_for(s, i, e):
    """The slashes that this entry has not met: of what it left, since the block before the offence, and begun after it
    left."""
    return [job for job in s.jobs if job[0] == e.source and e.height >= job[1] - 1 and i < job[3]]


def run_jobs(s):
    """Slashes what left before the offence could count. A queue: it comes after the emission. No
    history has so many entries that a job takes more than one block, unless its queues stand still."""
    while s.jobs and not s.queues_stand:
        for i, e in sorted(s.entries.items()):
            if s.jobs[0] in jobs_for(s, i, e):
                slash_entry(s, i, e, s.jobs[0][2])
        del s.jobs[0]


def slash_tokens(s, v, amount):
    v.tokens -= amount
    s.burn_bonded(amount)


def slash_entry(s, i, e, slash_bps):
    """The part of a slash that follows stake which left in time."""
    lost = ceil_div(e.amount * slash_bps, BPS)
    if e.to is None:
        s.burn_bonded(lost)
    else:
        p, v = settled(s, e.account, e.to), s.validators[e.to]
        slash_tokens(s, v, lost * v.tokens // v.shares)
        take_out(s, p, e.to, lost, 0)
        p.locked = min(p.locked, p.shares)
    e.amount -= lost
    if e.amount == 0:
        del s.entries[i]


def told_set(s):
    """The validators that consensus is told at the end of a block; never an empty set."""
    def power(name):
        return s.validators[name].tokens // ONE

    def counts(name):
        v, own = s.validators[name], s.positions.get((name, name), Position())
        return not v.tombstoned and power(name) > 0 and value(v, own.shares) >= s.min_self_stake

    active = sorted(filter(counts, s.validators), key=lambda n: (-power(n), n))
    return active[: s.max_validators] or s.told
