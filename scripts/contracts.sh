#!/usr/bin/env bash
# Runs the tests of the contracts where Node.js is, and says in one line what it left out where it is not. The tools come
# from npm once, at the versions of the lock file; after that nothing is downloaded. `install` does that alone: anvil comes
# with them, which other tests need.
set -euo pipefail
cd "$(dirname "$0")/../contracts"

oldest=20
major=$(node --version 2>/dev/null | sed -n 's/^v\([0-9]*\)\..*/\1/p') || true
if ! command -v npm >/dev/null 2>&1 || [ "${major:-0}" -lt "$oldest" ]; then
    [ "${1:-}" = install ] || echo "contracts: left out, because Node.js $oldest or newer is not installed here" >&2
    exit 0
fi
# npm writes this file last, so an installation that was interrupted is made anew.
if ! [ node_modules/.package-lock.json -nt package-lock.json ]; then
    npm ci --no-audit --no-fund
fi
[ "${1:-}" = install ] || npm test
