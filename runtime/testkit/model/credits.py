"""Staked DIEM, daily credit, allocations, grants and vouchers (section 5).

There are no lazily rolled rows here: when a day opens, every account and allocation is rolled, and
every total is counted anew whenever it is asked for.
"""

from dataclasses import dataclass, field

from curve import ONE, Refused, ceil_div

MAX_TRANCHES = 32
MIN_STAKE = ONE // 100
MIN_ALLOWANCE = ONE // 10
MIN_NEW_CREDIT = ONE // 100


@dataclass
class Credit:
    """One account's credit of one day."""

    allowance: int = 0
    spent: int = 0
    allocated: int = 0
    offered: int = 0
    price: int = 0

    def free(self):
        return self.allowance - self.spent - self.allocated - self.offered


@dataclass
class Allocation:
    """What an account allocates to a provider: of the previous day, today and each next day."""

    previous: int = 0
    previous_used: int = 0
    today: int = 0
    used: int = 0
    next: int = 0


@dataclass
class Grant:
    """A session key's limits per provider: of the previous day, today and from tomorrow on."""

    previous: dict = field(default_factory=dict)
    today: dict = field(default_factory=dict)
    next: dict = field(default_factory=dict)
    last_day: int = 0


@dataclass
class Tranche:
    """DIEM on its way out of a stake."""

    staker: str
    beneficiary: str
    amount: int
    day: int
    start: int


def today(s, account):
    return s.today.setdefault(account, Credit())


def staked_for(s, account):
    """The DIEM that gives `account` credit."""
    return sum(amount for (_, b), amount in s.diem_stakes.items() if b == account)


def allocations_of(s, account):
    return [p for (a, _), p in s.allocations.items() if a == account]


def touch(s, *accounts):
    """An account that was changed has a row of credit, unless it says nothing."""
    for account in accounts:
        credit = today(s, account).allowance or s.previous.get(account, Credit()).allowance
        staked = staked_for(s, account)
        if not (credit or staked or allocations_of(s, account)):
            s.touched.pop(account, None)
            continue
        s.touched[account] = s.day
        if not staked:
            s.lapsing.add((s.day, account))


def lapse(s):
    """Rows without stake end when the day of their last change is older than the previous one."""
    if s.previous_day is None:
        return
    for day, account in sorted(s.lapsing):
        if day < s.previous_day:
            s.lapsing.remove((day, account))
            if s.touched.get(account) == day and not staked_for(s, account) and not allocations_of(s, account):
                del s.touched[account]


def check_new(s, account, amount):
    """A first credit is worth a row."""
    if account not in s.touched and amount < MIN_NEW_CREDIT:
        raise Refused("a first credit that is not worth a row")


def allowance_of_all(s):
    return sum(c.allowance for c in s.today.values())


def roll(s, accounts):
    """Opens `s.day` for every account; what was today becomes the previous day."""
    s.previous, s.today = s.today, {a: Credit(allowance=staked_for(s, a)) for a in accounts}
    for p in s.allocations.values():
        p.previous, p.previous_used, p.today, p.used = p.today, p.used, 0, 0
    for (account, provider), p in s.allocations.items():
        if s.gone_before_today(provider):
            p.next = 0
    for account in accounts:
        allocations = allocations_of(s, account)
        staked, total = staked_for(s, account), sum(p.next for p in allocations)
        for p in allocations:
            p.today = p.next * staked // total if total > staked else p.next
        s.today[account].allocated = sum(p.today for p in allocations)
    drop_ended(s)
    for g in s.grants.values():
        g.previous, g.today = g.today, dict(g.next) if s.day <= g.last_day else {}


def drop_ended(s):
    """An allocation of nothing is removed."""
    s.allocations = {key: p for key, p in s.allocations.items() if p.previous or p.today or p.next}


def stake_diem(s, sender, amount, beneficiary=None):
    beneficiary = beneficiary or sender
    key = sender, beneficiary
    if s.diem_stakes.get(key, 0) + amount < MIN_STAKE:
        raise Refused("less than the least stake")
    s.pay(sender, "diem", amount)
    s.diem_stakes[key] = s.diem_stakes.get(key, 0) + amount
    today(s, beneficiary).allowance += amount
    touch(s, beneficiary)


def unstake_diem(s, sender, amount, beneficiary=None):
    key = sender, beneficiary or sender
    held = s.diem_stakes.get(key, 0)
    if amount <= 0 or amount > held or (amount != held and min(amount, held - amount) < MIN_STAKE):
        raise Refused("more than is staked, or dust")
    if len([t for t in s.diem_tranches.values() if t.staker == sender]) >= MAX_TRANCHES:
        raise Refused("too many tranches")
    s.diem_stakes[key] = held - amount
    s.diem_tranches[s.next_diem_tranche] = Tranche(*key, amount, s.day, s.time)
    s.next_diem_tranche += 1
    touch(s, key[1])


def cancel_diem(s, sender, tranche):
    t = s.diem_tranches.get(tranche)
    if t is None or t.staker != sender:
        raise Refused("not a tranche of the sender")
    s.diem_stakes[t.staker, t.beneficiary] = s.diem_stakes.get((t.staker, t.beneficiary), 0) + t.amount
    if t.day < s.day:
        today(s, t.beneficiary).allowance += t.amount
    del s.diem_tranches[tranche]
    touch(s, t.beneficiary)


def is_due(s, tranche):
    return s.time >= tranche.start + s.cooldown_ms and tranche.day < s.day


def pay(s, i):
    t = s.diem_tranches.pop(i)
    s.give(t.staker, "diem", t.amount)


def pay_matured(s):
    """What is due, unless the queues of this history stand still."""
    for i, t in sorted(s.diem_tranches.items()):
        if is_due(s, t) and not s.queues_stand:
            pay(s, i)


def collect_tranche(s, sender, id):
    t = s.diem_tranches.get(id)
    if t is None or t.staker != sender or not is_due(s, t):
        raise Refused("not a tranche of the sender, or not due")
    pay(s, id)


def use_free(s, sender, day, amount):
    """The sender's row of today, with at least `amount` of it free."""
    if day != s.day:
        raise Refused("another day")
    row = today(s, sender)
    if row.allowance < MIN_ALLOWANCE or amount <= 0 or amount > row.free():
        raise Refused("not enough free credit")
    return row


def spend(s, sender, provider, day, amount):
    row = use_free(s, sender, day, amount)
    if s.gone_before_today(provider):
        raise Refused("not a provider of today")
    row.spent += amount
    s.consume(day, provider, amount, 1)
    touch(s, sender)


def gift(s, sender, to, day, amount):
    if to == sender:
        raise Refused("a gift to oneself")
    use_free(s, sender, day, amount).allowance -= amount
    check_new(s, to, amount)
    today(s, to).allowance += amount
    touch(s, sender, to)


def offer(s, sender, day, amount, price):
    if price <= 0:
        raise Refused("a sale needs a price")
    row = today(s, sender)
    row.offered = 0
    use_free(s, sender, day, amount)
    row.offered, row.price = amount, price
    touch(s, sender)


def withdraw_offer(s, sender):
    row = today(s, sender)
    if row.offered == 0:
        raise Refused("no offer")
    row.offered = row.price = 0
    touch(s, sender)


def buy(s, sender, seller, day, amount, max_price):
    row = today(s, seller)
    if day != s.day or sender == seller:
        raise Refused("another day, or one's own offer")
    if amount <= 0 or amount > row.offered or row.price > max_price:
        raise Refused("not offered")
    check_new(s, sender, amount)
    s.pay(sender, "vvv", ceil_div(amount * row.price, ONE))
    s.give(seller, "vvv", ceil_div(amount * row.price, ONE))
    row.offered -= amount
    row.allowance -= amount
    today(s, sender).allowance += amount
    touch(s, seller, sender)


def allocate(s, sender, provider, amount):
    if amount == 0 and (sender, provider) not in s.allocations:
        raise Refused("nothing to end")
    if amount:
        s.serving(provider)
    row, p = today(s, sender), s.allocations.setdefault((sender, provider), Allocation())
    raised = max(p.today, min(amount, p.today + row.free()))
    if (amount > p.next or raised > p.today) and row.allowance < MIN_ALLOWANCE:
        raise Refused("too little allowance to allocate more")
    row.allocated += raised - p.today
    p.today, p.next = raised, amount
    if sum(p.next for (a, _), p in s.allocations.items() if a == sender) >= 2**128:
        raise Refused("more than a number holds")
    drop_ended(s)
    touch(s, sender)


def grant(s, sender, key, last_day, limits):
    """Raises count today, cuts from tomorrow."""
    if last_day < s.day or key == sender:
        raise Refused("over before it begins, or no key of its own")
    for provider in limits:
        s.serving(provider)
    g = s.grants.setdefault((sender, key), Grant())
    limits = {provider: int(limit) for provider, limit in limits.items()}
    g.next, g.last_day = limits, last_day
    for provider, limit in limits.items():
        g.today[provider] = max(limit, g.today.get(provider, 0))


def revoke(s, sender, key):
    g = s.grants.get((sender, key))
    if g is None or not (any(g.today.values()) or (g.next and g.last_day > s.day)):
        raise Refused("no such grant")
    g.next, g.last_day = {}, s.day


def settle(s, sender, provider, vouchers):
    """Anyone hands them in. Each voucher by itself: ["paid" | "capped" | "nothing_new" | "bad", credit paid]."""
    if provider not in s.providers:
        raise Refused("not a provider")
    return [settle_one(s, provider, v) for v in vouchers]


def settle_one(s, provider, v):
    account, signer, day = v["account"], v["signer"], int(v["day"])
    is_today = day == s.day
    if not v["good"] or v["provider"] != provider or not s.settles(day):
        return ["bad", 0]
    limit = None
    if signer != account:
        g = s.grants.get((account, signer), Grant())
        limit = (g.today if is_today else g.previous).get(provider)
        if limit is None:
            return ["bad", 0]
    p = s.allocations.get((account, provider), Allocation())
    allocated, used = (p.today, p.used) if is_today else (p.previous, p.previous_used)
    key = account, signer, provider, day
    stored = s.vouchers.get(key, 0)
    asked = int(v["cumulative"]) - stored
    if allocated == 0 or asked < 0:
        return ["bad", 0]
    paid = min(asked, allocated - used, asked if limit is None else max(0, limit - stored))
    if paid:
        s.vouchers[key] = stored + paid
        row = (s.today if is_today else s.previous)[account]
        row.allocated -= paid
        row.spent += paid
        if is_today:
            p.used += paid
        else:
            p.previous_used += paid
    touch(s, account)
    seen = s.requests_seen.get(key, 0)
    s.requests_seen[key] = max(seen, int(v["requests"]))
    s.consume(day, provider, paid, s.requests_seen[key] - seen)
    if asked == 0:
        return ["nothing_new", 0]
    return ["paid" if paid == asked else "capped", paid]
