#!/usr/bin/env bash
# Runs tests at their full size. `make test` runs the same ones at a size of seconds; these take minutes to hours, so they
# run before a release and when what they prove has changed. Without a name it lists them.
#
# SEED repeats a run; PROFILE=release compiles with optimisation first.
set -euo pipefail
cd "$(dirname "$0")/.."

seed=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}

# Name, the variables that make the test large, what cargo selects, and what it proves.
proofs="
collect           DIEM_COLLECT_ENTRIES=1000000                 |--test it collect::a_thousand                       |whoever collects what is due is paid in the next block, behind a million entries
genesis-accounts  DIEM_TEST_GENESIS_ACCOUNTS=1000000           |--test it nodes::alone::a_start_takes               |a start takes what its store takes, on a chain whose genesis has a million accounts
block-times       DIEM_BLOCK_TIMES=full                        |--test it comet_engine::block_time::                |blocks are as far apart as asked, for three block times
simulation        DIEM_SIM_OPERATIONS=20000000 DIEM_SIM_SEEDS=500 DIEM_SIM_FIRST_SEED=$seed |--test it simulation::random_histories              |500 random histories keep every invariant
model             DIEM_MODEL_SEEDS=500 DIEM_MODEL_FIRST_SEED=$seed |--test it reference_model::chain_and_model          |chain and Python model agree on 500 random histories
fuzz              DIEM_FUZZ_ROUNDS=20000 DIEM_FUZZ_SEED=$seed  |--test it corpus::spoilt                            |20,000 spoilt inputs for each entrance end no node
new-module        DIEM_NEW_MODULE_BUILD=1                      |--test it new_module::the_counter_applies           |a new module of 120 lines, one in each list, compiles with node and tests
bridge            DIEM_BRIDGE_TRANSFERS=300                     |--test it bridge::upheaval::                        |300 transfers to Base arrive once each, while validators come, go, change keys and are killed
home              DIEM_BRIDGE_HOME=1000                         |--test it bridge::home::                            |1,000 transfers to Base and 1,000 back arrive once each, while validators are killed and one endpoint is dead
bridge-model      DIEM_BRIDGE_MODEL_CHECKPOINTS=100000 DIEM_BRIDGE_MODEL_FIRST_SEED=$seed |--test it histories::random_histories_of_both |100,000 completed checkpoints keep both equalities, the contract's bytecode on one side and the module on the other
burns             DIEM_BRIDGE_BURNS=100000                        |--test it homecoming::all_burns                  |100,000 burns of one block of Base are paid, 200 a block, while transfers go on
term              TERM_STOPS=50 TERM_SEED=$seed                 |--test it nodes::stopping::a_node_that_is_told    |50 stops of a node under load at random moments end in time, and nothing that was committed is missing
guard             DIEM_GUARD_KILLS=200 DIEM_GUARD_RESTARTS=20      |--test it guard::                                |no validator signs twice: 200 kills between vote and commit, 20 restarts of each of four, copies and old files
prune             PRUNE_BLOCKS=20000                             |--test it pruning::growth::                        |a node that prunes does not grow over 20,000 blocks, and pruning at once makes another as small
join              JOIN_ACCOUNTS=1000000                       |--test it joining::a_node_joins_by                |one node joins a loaded chain of a million accounts by a snapshot and another by all blocks
join-kills        JOIN_KILLS=50 JOIN_ACCOUNTS=200000 JOIN_SEED=$seed |--test it joining::kills:: |50 kills while one node takes and serves snapshots and another receives and restores one
alerts            ALERT_FAULTS=all                                 |--test it alerts::                                 |each alert fires and resolves on a chain of four with real faults, seen by a real Prometheus
level             LEVEL_MINUTES=30                                 |--test it nodes::level::                          |memory, open files, threads and log of four loaded validators stay level for half an hour
signer-away       SIGNER_AWAY=900                                |--test it nodes::signer::a_chain_of_one           |a chain whose only validator's signer is away for minutes goes on when it is back
tmkms             SIGNER_TMKMS=1                                   |--test it nodes::signer::so_does                   |a validator whose key is in tmkms proves itself and signs, with the configuration of the book
image             IMAGE_BUILDS=2                                   |--test it packages::built::                       |the images are built twice alike, and a container engine runs them as the compose files and the book say
genesis-fields    DIEM_FUZZ_STEP=1                             |--test it genesis_fields::any_value                 |any value in any field of a genesis is refused or gives a chain that goes on
"

list() {
    echo 'usage: make soak ARGS="NAME..."; SEED=N repeats a run, PROFILE=release compiles with optimisation'
    while IFS='|' read -r head _ what; do
        [ -z "$head" ] || printf '  %-17s %s\n' "${head%% *}" "$what"
    done <<<"$proofs"
}

run() {
    local head select variables
    while IFS='|' read -r head select _; do
        [ "${head%% *}" = "$1" ] || continue
        read -ra variables <<<"${head#* }"
        read -ra select <<<"$select"
        printf 'soak: %s, SEED=%s: %s cargo test --workspace %s\n' "$1" "$seed" "${variables[*]}" "${select[*]}" >&2
        env "${variables[@]}" cargo test --workspace --profile "${PROFILE:-dev}" "${select[@]:0:2}" -- --nocapture "${select[@]:2}" </dev/null
        return
    done <<<"$proofs"
    echo "soak: there is no proof called $1" >&2
    list >&2
    return 2
}

[ $# -gt 0 ] || list
for name in "$@"; do run "$name"; done
