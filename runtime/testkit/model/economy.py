"""A model of the chain's economy, written from its rules alone, to compare the chain with.

Reads a history from stdin, one JSON object {"genesis": {...}, "blocks": [...]}; prints one JSON
object per line: the state after genesis, then what each block did and the state after it. Amounts
come and go as decimal strings of base units. Nothing here is fast or lazy: totals are counted
anew whenever they are needed. Only integers and fractions: no float.
"""

import json
import pickle
import sys

import credits
import curve
import days
import emissions
import staking
from curve import Refused

DEFAULTS = {
    "epoch_ms": 86_400_000, "grace_ms": 7_200_000, "cooldown_ms": 86_400_000,
    "unbonding_ms": 7 * 86_400_000, "provider_unbonding_ms": 7 * 86_400_000, "protocol_fee_bps": 2_000, "stakers_bps": 0,
    "min_stake": curve.ONE, "queues_stand": 0,
    "max_validators": 100, "min_self_stake": 1_000 * curve.ONE, "min_bond": 1_000 * curve.ONE,
    "min_new_vvv": curve.ONE // 100, "min_new_diem": curve.ONE // 1_000,
    "equivocation_bps": 500, "max_commission_bps": 10_000, "max_commission_change_bps": 10_000,
}


def transfer(s, sender, to, denom, amount):
    if not s.has_account(to) and amount < getattr(s, f"min_new_{denom}"):
        raise Refused("a first payment that is not worth an account")
    s.pay(sender, denom, amount)
    s.give(to, denom, amount)


# Each call by its name in a history: the function, and which of its arguments are numbers.
CALLS = {
    "transfer": (transfer, ["amount"]),
    "stake": (staking.stake, ["amount"]),
    "unstake": (staking.unstake, ["amount"]),
    "cancel_unstake": (staking.cancel_unstake, ["tranche"]),
    "restake": (staking.restake, ["amount"]),
    "collect": (staking.collect, ["entry"]),
    "edit_commission": (staking.edit_commission, ["bps"]),
    "claim": (staking.claim, []),
    "claim_and_stake": (staking.claim_and_stake, []),
    "mint": (staking.mint, ["lock", "min_out"]),
    "mint_exact": (staking.mint_exact, ["out", "max_lock"]),
    "burn": (staking.burn, ["amount"]),
    "stake_diem": (credits.stake_diem, ["amount"]),
    "unstake_diem": (credits.unstake_diem, ["amount"]),
    "cancel_diem": (credits.cancel_diem, ["tranche"]),
    "collect_tranche": (credits.collect_tranche, ["id"]),
    "register": (days.register, ["bond"]),
    "set_payout": (days.set_payout, []),
    "add_bond": (days.add_bond, ["amount"]),
    "deregister": (days.deregister, []),
    "list": (days.list_provider, []),
    "delist": (days.delist_provider, []),
    "allocate": (credits.allocate, ["amount"]),
    "grant": (credits.grant, ["last_day"]),
    "revoke": (credits.revoke, []),
    "settle": (credits.settle, []),
    "spend": (credits.spend, ["day", "amount"]),
    "gift": (credits.gift, ["day", "amount"]),
    "offer": (credits.offer, ["day", "amount", "price"]),
    "withdraw_offer": (credits.withdraw_offer, []),
    "buy": (credits.buy, ["day", "amount", "max_price"]),
}


class State:
    """Everything the model remembers; balances by (account, denomination)."""

    def __init__(self, genesis):
        for name, value in DEFAULTS.items():
            setattr(self, name, int(genesis.get(name, value)))
        self.table = curve.table_of(genesis["curve"])
        self.schedule = [(int(start), int(rate)) for start, rate in genesis["schedule"]]
        self.authority = genesis.get("authority")
        self.balances, self.height, self.time = {}, int(genesis.get("height", 0)), int(genesis["time_ms"])
        self.times = {self.height: self.time}
        self.validators, self.positions, self.entries, self.next_entry = {}, {}, {}, 0
        self.jobs = []
        self.bonded = self.rewards = self.burned = self.treasury = self.bonds = self.fees = 0
        self.schedule_paid = emissions.emitted_until(self.schedule, self.time)
        self.emitted = self.carry = self.dust = self.open_rent = self.payout_pot = 0
        self.day, self.day_opened, self.idle, self.idle_time = self.time // self.epoch_ms, self.time, 0, self.time
        self.today, self.previous, self.allocations, self.grants = {}, {}, {}, {}
        self.diem_stakes, self.diem_tranches, self.next_diem_tranche = {}, {}, 0
        self.vouchers, self.requests_seen, self.consumed, self.requests, self.providers = {}, {}, {}, {}, {}
        self.closed, self.payouts, self.days = None, [], {}
        self.previous_day, self.touched, self.lapsing, self.senders = None, {}, set(), set()
        self.load(genesis)

    def load(self, genesis):
        """Stakes and bonds come out of the accounts."""
        for a in genesis.get("accounts", []):
            self.give(a["address"], "vvv", int(a["vvv"]))
        for v in genesis.get("validators", []):
            name, stake = v["operator"], int(v["self_stake"])
            self.validators[name] = staking.Validator(commission_bps=int(v.get("commission_bps", 0)))
            staking.bond(self, name, name, stake)
        self.told = []
        self.told = staking.told_set(self)
        for p in genesis.get("providers", []):
            bond, listed = int(p["bond"]), p.get("listed", True)
            self.pay(p["address"], "vvv", bond)
            self.bonds += bond
            self.providers[p["address"]] = days.Provider(
                p.get("payout", p["address"]), bond, listed, bond_today=bond, listed_today=listed)

    def give(self, account, denom, amount):
        self.balances[account, denom] = self.balances.get((account, denom), 0) + amount

    def pay(self, account, denom, amount):
        """Takes a positive amount out of a balance."""
        if amount <= 0 or amount > self.balances.get((account, denom), 0):
            raise Refused("more than the balance, or nothing")
        self.balances[account, denom] -= amount

    def has_account(self, account):
        """Has something, or has sent a transaction, which is never forgotten."""
        return account in self.senders or any(self.balances.get((account, denom), 0) for denom in ("vvv", "diem"))

    def burn_bonded(self, amount):
        self.bonded -= amount
        self.burned += amount

    def epoch(self):
        """The day of the clock; the open day may be an earlier one."""
        return self.time // self.epoch_ms

    def accounts(self):
        return sorted({a for a, _ in self.balances} | {b for _, b in self.diem_stakes})

    def diem_supply(self):
        """Every DIEM there is: held, staked, or in a tranche."""
        held = sum(n for (_, denom), n in self.balances.items() if denom == "diem")
        leaving = sum(t.amount for t in self.diem_tranches.values())
        return held + sum(self.diem_stakes.values()) + leaving

    def gone_before_today(self, provider):
        """Deregistered on an earlier day, or no provider."""
        p = self.providers.get(provider)
        return p is None or (p.left_day is not None and p.left_day < self.day)

    def serving(self, provider):
        """A registered provider that has not deregistered."""
        p = self.providers.get(provider)
        if p is None or p.left_day is not None:
            raise Refused("not a provider")
        return p

    def settles(self, day):
        """Whether vouchers of `day` may be settled now."""
        return day == self.day or (self.closed is not None and day == self.closed.day)

    def consume(self, day, provider, amount, requests):
        key = day, provider
        self.consumed[key] = self.consumed.get(key, 0) + amount
        self.requests[key] = self.requests.get(key, 0) + requests


def begin(s, block):
    """The begin step of a block, in the order of section 1."""
    s.height, s.time = int(block["height"]), int(block["time_ms"])
    s.times[s.height] = s.time
    days.advance_idle(s)
    for e in block.get("evidence", []):
        staking.equivocation(s, e["validator"], int(e["height"]), int(e["time_ms"]), s.equivocation_bps)
    emissions.emit(s)
    emissions.share_fees(s)
    if s.closed and s.time > s.closed.time + s.grace_ms:
        days.settle(s)
    if s.epoch() > s.day and s.closed is None:
        days.close(s)
        days.open_day(s)
    staking.run_jobs(s)
    staking.end_positions(s)
    staking.pay_matured(s)
    credits.pay_matured(s)
    days.return_bonds(s)
    days.pay_providers(s)
    credits.lapse(s)


def execute(s, call):
    """One call that paid its fee: the state after it, and whether it was accepted."""
    fee, sender = int(call.get("fee", 0)), call["sender"]
    s.senders.add(sender)
    if fee:
        s.pay(sender, "vvv", fee)
        s.fees += fee
    function, numbers = CALLS[call["call"]]
    arguments = {k: int(v) if k in numbers else v for k, v in call.get("args", {}).items()}
    before = pickle.dumps(s)
    try:
        outcomes = function(s, sender, **arguments)
        staking.end_positions(s)
    except Refused:
        return pickle.loads(before), {"ok": False}
    if outcomes is None:
        return s, {"ok": True}
    return s, {"ok": True, "vouchers": [[outcome, str(paid)] for outcome, paid in outcomes]}


def summary(s):
    """The state as {path: number as text}; what is 0 is left out."""
    out = {f"account {a} {denom}": n for (a, denom), n in s.balances.items()}
    for name in ("bonded", "rewards", "treasury", "bonds", "fees", "emitted", "carry",
                 "burned", "day"):
        out[name] = getattr(s, name)
    out["rent"] = s.open_rent
    # The rent of a closed day waits for its settlement where the payouts come from.
    out["payouts"] = s.payout_pot + (s.closed.rent if s.closed else 0)
    out["diem_supply"] = s.diem_supply()
    out["active"], out["allowance"] = sum(s.diem_stakes.values()), credits.allowance_of_all(s)
    for part in (staking_summary, credit_summary, day_summary):
        out.update(part(s))
    return {k: str(n) for k, n in sorted(out.items()) if n}


def staking_summary(s):
    for n, v in s.validators.items():
        yield f"validator {n} tokens", v.tokens
        yield f"validator {n} shares", v.shares
        yield f"validator {n} commission_due", v.commission_due
        yield f"validator {n} commission", staking.commission(s, v)
        yield f"validator {n} told", int(n in s.told)
    for (a, n), p in s.positions.items():
        for field in ("shares", "locked", "outstanding"):
            yield f"position {a} {n} {field}", getattr(p, field)
        yield f"position {a} {n} moved", staking.moved(s, a, n)
        yield f"position {a} {n} pending", staking.pending(s, a, n)
    for i, e in s.entries.items():
        kind = f"tranche {i} {e.account} {e.source}" if e.to is None else f"move {i} {e.account} {e.source} {e.to}"
        yield kind, e.amount


def credit_summary(s):
    for day, rows in (("today", s.today), ("previous", s.previous)):
        for a, row in rows.items():
            for field in ("allowance", "spent", "allocated", "offered"):
                yield f"credit {day} {a} {field}", getattr(row, field)
    for (a, b), n in s.diem_stakes.items():
        yield f"diem_stake {a} {b}", n
    for i, t in s.diem_tranches.items():
        yield f"diem_tranche {i} {t.staker} {t.beneficiary}", t.amount
    for (a, p), row in s.allocations.items():
        for field, n in vars(row).items():
            yield f"allocation {a} {p} {field}", n


def day_summary(s):
    for n, p in s.providers.items():
        yield f"provider {n} bond", p.bond
        yield f"provider {n} consumed", s.consumed.get((s.day, n), 0)
        yield f"provider {n} requests", s.requests.get((s.day, n), 0)
    records = dict(s.days)
    if s.closed:
        records[s.closed.day] = days.record(s, s.closed)
    for day, record in records.items():
        for field, n in record.items():
            yield f"day {day} {field}", n


def run(history):
    """Yields the state after genesis, then each block's results and state."""
    s = State(history["genesis"])
    yield {"height": s.height, "results": [], "state": summary(s)}
    for block in history["blocks"]:
        begin(s, block)
        results = []
        for call in block.get("calls", []):
            s, result = execute(s, call)
            results.append(result)
        s.told = staking.told_set(s)
        yield {"height": s.height, "results": results, "state": summary(s)}


def main():
    for line in run(json.load(sys.stdin)):
        json.dump(line, sys.stdout)
        print()


if __name__ == "__main__":
    main()
