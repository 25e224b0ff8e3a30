"""Providers, and the close, settlement and payout of days (section 5)."""

from dataclasses import dataclass
from typing import Optional

import credits
from curve import Refused, ceil_div
from staking import BPS

PAYOUTS_PER_BLOCK = 100


@dataclass
class Provider:
    """Its bond and listing now, as they count today, and as they counted the previous day."""

    payout: str
    bond: int
    listed: bool = False
    bond_today: int = 0
    listed_today: bool = False
    bond_previous: int = 0
    listed_previous: bool = False
    # When it deregistered.
    left_day: Optional[int] = None
    left_time: Optional[int] = None


@dataclass
class Closed:
    """What is recorded at the close of a day."""

    day: int
    time: int
    allowance: int
    supply: int
    rent: int
    base: int


def register(s, sender, payout, bond):
    if sender in s.providers or bond < s.min_bond:
        raise Refused("registered already, or too small a bond")
    s.pay(sender, "vvv", bond)
    s.bonds += bond
    s.providers[sender] = Provider(payout, bond, bond_today=bond)


def set_payout(s, sender, payout):
    if sender not in s.providers:
        raise Refused("not a provider")
    s.providers[sender].payout = payout


def add_bond(s, sender, amount):
    p = s.serving(sender)
    s.pay(sender, "vvv", amount)
    s.bonds += amount
    p.bond += amount


def deregister(s, sender):
    p = s.serving(sender)
    p.listed, p.left_day, p.left_time = False, s.day, s.time


def list_provider(s, sender, provider):
    if sender != s.authority:
        raise Refused("not the authority")
    p = s.serving(provider)
    if p.listed or p.bond < s.min_bond:
        raise Refused("listed already, or too small a bond")
    p.listed = True


def delist_provider(s, sender, provider, forfeit):
    if sender != s.authority or provider not in s.providers:
        raise Refused("not the authority, or no provider")
    p = s.providers[provider]
    listed = p.listed or p.listed_today or (p.listed_previous and s.closed)
    if not listed and not (forfeit and p.bond):
        raise Refused("nothing to change")
    p.listed = p.listed_today = p.listed_previous = False
    if forfeit:
        s.bonds -= p.bond
        s.treasury += p.bond
        p.bond = p.bond_today = p.bond_previous = 0


def return_bonds(s):
    """A bond also waits for the settlement of its provider's last day."""
    for name, p in s.providers.items():
        if p.left_time is None or s.settles(p.left_day):
            continue
        if p.bond and s.time >= p.left_time + s.provider_unbonding_ms:
            s.bonds -= p.bond
            s.give(name, "vvv", p.bond)
            p.bond = 0


def advance_idle(s):
    """The integral of (supply - allowance) over the open day's time."""
    s.idle += (s.diem_supply() - credits.allowance_of_all(s)) * (s.time - s.idle_time)
    s.idle_time = s.time


def close(s):
    """Closes the open day. Its duration is positive: another epoch has begun."""
    supply, allowance = s.diem_supply(), credits.allowance_of_all(s)
    average = ceil_div(s.idle, s.time - s.day_opened)
    base = min(supply, allowance + average)
    s.closed = Closed(s.day, s.time, allowance, supply, s.open_rent, base)
    s.open_rent = 0


def open_day(s):
    """Opens the day of this block's time and rolls everything into it."""
    s.previous_day = s.day
    s.day, s.day_opened, s.idle = s.time // s.epoch_ms, s.time, 0
    for p in s.providers.values():
        p.bond_previous, p.listed_previous = p.bond_today, p.listed_today
        p.bond_today, p.listed_today = p.bond, p.listed
    credits.roll(s, s.accounts())


def counted(s, name, day):
    """min(consumed, bond) of a provider that counts on the closed `day`, which is the previous
    one because the block that closes a day opens the next."""
    p = s.providers[name]
    return min(s.consumed.get((day, name), 0), p.bond_previous) if p.listed_previous else 0


def record(s, c):
    """What is known of a closed day until it is settled."""
    return {
        "allowance": c.allowance, "supply": c.supply, "base": c.base, "rent": c.rent,
        "consumed": sum(n for (day, _), n in s.consumed.items() if day == c.day),
        "requests": sum(n for (day, _), n in s.requests.items() if day == c.day),
        "counted": sum(counted(s, name, c.day) for name in s.providers),
    }


def settle(s):
    """Divides the rent of the closed day, once."""
    c = s.closed
    done = record(s, c)
    pot = c.rent * done["counted"] // c.base if c.base else 0
    rest = c.rent - pot
    to_stakers = rest * s.stakers_bps // BPS if c.base else 0
    s.fees += to_stakers
    s.treasury += rest - to_stakers
    s.payout_pot += pot
    for name in sorted(s.providers):
        if counted(s, name, c.day):
            s.payouts.append((name, c.rent * counted(s, name, c.day) // c.base))
    s.days[c.day] = {**done, "pot": pot, "treasury": rest - to_stakers, "stakers": to_stakers}
    s.closed = None


def pay_providers(s):
    """Pays the queue; its dust joins the rent of the open day."""
    queue, s.payouts = s.payouts[:PAYOUTS_PER_BLOCK], s.payouts[PAYOUTS_PER_BLOCK:]
    for name, amount in queue:
        s.payout_pot -= amount
        s.give(s.providers[name].payout, "vvv", amount)
    if not s.payouts:
        s.open_rent += s.payout_pot
        s.payout_pot = 0
