"""Writes formula_38000.json and formula_40000.json: every entry of the two tables, by Python's decimal module.

    python3 make.py

The exponential function is decimal's own (correctly rounded, here to 400 digits), so the entries share no code and
no method with the chain's.
"""

import json
from decimal import Decimal, getcontext
from pathlib import Path

getcontext().prec = 400
WHOLE = 10**18


def table(target: int) -> list[list[str]]:
    entries = []
    for step in range(1, 257):
        supply = 500 * step
        rate = 90 * WHOLE * (2 * (Decimal(supply) / target) ** 3).exp()
        entries.append([str(supply * WHOLE), str(int(rate))])
    return entries


for target in (38_000, 40_000):
    path = Path(__file__).with_name(f"formula_{target}.json")
    lines = ",\n".join(json.dumps(entry) for entry in table(target))
    path.write_text(f"[\n{lines}\n]\n")
