"""The model against the known answers of the economy's rules (section 8).

Run: python3 -m unittest discover -s runtime/testkit/model
"""

import unittest

import credits
import curve
import days
import economy
import emissions
import staking
from curve import ONE

DAY = 86_400_000
FLAT = [["1000000000000000000000000", str(90 * ONE)]]


def state(table=FLAT, validators=(("val", 1_000),), **more):
    genesis = {
        "time_ms": 10 * DAY, "curve": table, "schedule": [], "authority": "gov",
        "accounts": [{"address": a, "vvv": 10**6 * ONE} for a in ("ann", "ben", "val")],
        "validators": [{"operator": v, "self_stake": n * ONE} for v, n in validators], **more}
    return economy.State(genesis)


def providers():
    bond = 10**6 * ONE
    return {n: days.Provider(f"purse of {n}", bond, True, bond, True, bond, True) for n in ("p", "q")}


def rounded(rate, digits):
    """A rate as text with so many digits behind the point, cut to nearest."""
    unit = 10 ** (18 - digits)
    whole = (rate + unit // 2) // unit
    return f"{whole // 10**digits}.{whole % 10**digits:0{digits}}"


class Curve(unittest.TestCase):
    def rate(self, target, supply, digits):
        return rounded(curve.formula_rate(90 * ONE, 2, target * ONE, supply * ONE), digits)

    def test_formula(self):
        self.assertEqual(self.rate(38_000, 10_000, 8), "93.34087662")
        self.assertEqual(self.rate(38_000, 38_000, 9), "665.015048904")
        self.assertEqual(self.rate(40_000, 39_500, 9), "617.539642042")
        self.assertEqual(self.rate(40_000, 40_500, 9), "717.484307691")

    def test_first_entry(self):
        table = curve.formula_table(90 * ONE, 2, 40_000 * ONE, 500 * ONE, 1)
        self.assertEqual(table, [(500 * ONE, 90000351563186646401)])

    def test_live_table_quotes(self):
        # The steps that end at 38,000 and at 38,500 DIEM, as the live table holds them.
        table = [(38_000 * ONE, 499975786540347097088), (38_500 * ONE, 535468305599291392000)]
        supply = 37_713_457 * ONE // 1_000
        self.assertEqual(curve.mint_out(table, supply, ONE), 2000096858529171)
        supply = 37_713_660 * ONE // 1_000
        self.assertEqual(curve.mint_out(table, supply, 200_000 * ONE), 392484346337035987873)


class Stake(unittest.TestCase):
    def test_burn_opens_its_part_of_the_lock(self):
        s = state([[10**24, 150 * ONE]])
        staking.stake(s, "ann", "val", 300 * ONE)
        staking.mint(s, "ann", "val", 300 * ONE, 2 * ONE)
        staking.burn(s, "ann", "val", ONE // 2)
        p = s.positions["ann", "val"]
        self.assertEqual((p.shares - p.locked, p.locked, p.outstanding), (75 * ONE, 225 * ONE, 3 * ONE // 2))

    def test_slash_leaves_locked_shares(self):
        s = state(validators=[("val", 100)])
        staking.mint(s, "val", "val", 90 * ONE, ONE)
        s.told = ["val"]
        staking.slash_tokens(s, s.validators["val"], 5 * ONE)
        p, v = s.positions["val", "val"], s.validators["val"]
        self.assertEqual((p.locked, p.outstanding), (90 * ONE, ONE))
        self.assertEqual(p.locked * v.tokens // v.shares, 855 * ONE // 10)
        staking.mint(s, "val", "val", 9 * ONE, 0)
        self.assertEqual(p.locked - 90 * ONE, 9_473684210526315790)


class Emission(unittest.TestCase):
    def shared(self, commission_bps):
        s = state(validators=[("val", 1_000)])
        v = s.validators["val"]
        v.commission_bps = commission_bps
        staking.stake(s, "ann", "val", 1_000 * ONE)
        staking.mint(s, "ann", "val", 1_000 * ONE, 0)
        fees = emissions.share_out(s, ONE, 2_000)
        free = staking.pending(s, "val", "val") - v.commission_due
        locked = staking.pending(s, "ann", "val")
        self.assertEqual(fees + v.commission_due + free + locked, ONE)
        return [n * 100 // ONE for n in (fees, v.commission_due, free, locked)]

    def test_half_locked(self):
        self.assertEqual(self.shared(0), [10, 0, 50, 40])

    def test_half_locked_with_commission(self):
        self.assertEqual(self.shared(1_000), [10, 9, 45, 36])

    def test_yearly_rate(self):
        per_year = 2_500_000 * ONE
        self.assertEqual(emissions.emitted_until([(0, per_year)], 1_000), 79_274_479_959_411_466)


class Credit(unittest.TestCase):
    def staked(self, amount):
        s = state()
        s.give("ann", "diem", 100 * ONE)
        s.providers = providers()
        credits.stake_diem(s, "ann", amount * ONE)
        return s

    def open(self, s, day):
        s.time = day * DAY
        days.open_day(s)

    def test_allocations_scale_once(self):
        s = self.staked(80)
        for name in ("p", "q"):
            credits.allocate(s, "ann", name, 60 * ONE)
        self.open(s, 11)
        allocated = lambda: [s.allocations["ann", n].today // ONE for n in ("p", "q")]
        self.assertEqual(allocated(), [40, 40])
        s.give("ann", "diem", 20 * ONE)
        credits.stake_diem(s, "ann", 40 * ONE)
        self.assertEqual(allocated(), [40, 40])
        credits.allocate(s, "ann", "p", 60 * ONE)
        self.assertEqual(allocated(), [60, 40])

    def test_offered_credit_is_not_spent(self):
        s = self.staked(10)
        credits.offer(s, "ann", s.day, 10 * ONE, ONE)
        with self.assertRaises(curve.Refused):
            credits.spend(s, "ann", "p", s.day, 10 * ONE)
        credits.buy(s, "ben", "ann", s.day, 10 * ONE, ONE)
        row = s.today["ann"]
        self.assertEqual((row.allowance, row.spent, row.offered), (0, 0, 0))

    def test_settlement(self):
        s = state()
        for name, n in (("ann", 800), ("ben", 200)):
            s.give(name, "diem", n * ONE)
        credits.stake_diem(s, "ann", 800 * ONE)
        s.providers = providers()
        self.open(s, 11)
        s.idle_time = s.time
        s.open_rent = 100 * ONE
        credits.spend(s, "ann", "p", 11, 300 * ONE)
        credits.spend(s, "ann", "q", 11, 100 * ONE)
        s.time = 12 * DAY
        days.advance_idle(s)
        days.close(s)
        days.open_day(s)
        days.settle(s)
        days.pay_providers(s)
        paid = [s.balances[f"purse of {n}", "vvv"] // ONE for n in ("p", "q")]
        record = s.days[11]
        self.assertEqual((paid, s.treasury // ONE, record["base"]), ([30, 10], 60, 1_000 * ONE))
        self.assertEqual(2 * record["consumed"], record["allowance"])


if __name__ == "__main__":
    unittest.main()
