// The calls of the module and what they hold: contents that were signed, administrative actions, parameters.
import { concat, dataLength } from "ethers";
import {
  address,
  amount,
  bool,
  option,
  signature,
  struct,
  u16,
  u32,
  u64,
  u64Plain,
  variants,
  vec,
  word,
} from "./encoding.mjs";
import { ACTIONS, batches, valsets } from "./signed.mjs";
import { chunk, chunkOf, inbound, outbound, statement } from "./statements.mjs";
import { DIEM, UINT64_MAX, key, sign, someAddress, someHash, typed, withByte, without } from "./world.mjs";

const adminActions = variants({
  unpause: [0, struct({})],
  set_limits: [1, struct({ mint_capacity: amount, share_bps: u16 })],
  resolve_queue: [2, struct({ queue_id: u64, release: bool })],
  set_guardian: [3, struct({ guardian: address })],
  move_bridge: [4, struct({ bridge: address })],
});
const batchFields = { nonce: u64, deadline: u64, fee: amount, transfers: vec(struct({ recipient: address, amount })) };
const preimage = variants({
  batch: [0, struct(batchFields)],
  valset: [1, struct({ nonce: u64, created_at: u64, set_hash: word })],
  unpause: [2, struct({ admin_nonce: u64, pause_nonce: u64 })],
  set_limits: [3, struct({ admin_nonce: u64, mint_capacity: amount, share_bps: u16 })],
  resolve_queue: [4, struct({ admin_nonce: u64, queue_id: u64, release: bool })],
  set_guardian: [5, struct({ admin_nonce: u64, guardian: address })],
  move_bridge: [6, struct({ admin_nonce: u64, bridge: address })],
});
const snake = (name) => name.replace(/(?<!^)[A-Z]/g, (letter) => "_" + letter.toLowerCase()).toLowerCase();
const snakeFields = (value) => Object.fromEntries(Object.entries(value).map(([name, field]) => [snake(name), field]));

/** Each content that can be signed, its struct hash, and its kind among statements. */
function contents() {
  const [batch] = batches().cases;
  const [valset] = valsets().cases;
  return [
    [{ type: "batch", nonce: batch.nonce, deadline: batch.deadline, fee: batch.fee, transfers: batch.items }, batch, 0],
    [{ type: "valset", nonce: valset.nonce, created_at: valset.createdAt, set_hash: valset.setHash }, valset, 1],
    ...ACTIONS.map(([name, value]) => [{ type: snake(name), ...snakeFields(value) }, typed(name, value), 2]),
  ];
}

export function preimages() {
  const all = contents();
  const cases = all.map(([value, { structHash }, kind]) => ({
    preimage: preimage.json(value),
    bytes: preimage.borsh(value),
    kind,
    nonce: String(value.nonce ?? value.admin_nonce),
    structHash,
  }));
  const limits = cases[4].bytes;
  const many = { ...all[0][0], transfers: Array(101).fill(all[0][0].transfers[0]) };
  const invalid = [
    ["an unknown content", withByte(limits, 0, "0x07"), "malformed"],
    ["a truth of 2", withByte(limits, dataLength(limits) - 1, "0x02"), "malformed"],
    ["a byte too many", concat([limits, "0x00"]), "malformed"],
    ["a byte too few", without(limits, 1), "malformed"],
    ["a batch without transfers", preimage.borsh({ ...many, transfers: [] }), "transfers"],
    ["a batch of 101 transfers", preimage.borsh(many), "transfers"],
  ];
  return { cases, invalid: invalid.map(([name, hex, error]) => ({ name, bytes: hex, error })) };
}

const params = struct({
  checkpoint_blocks: u64Plain,
  seal_wait_ms: u64Plain,
  batch_life_ms: u64Plain,
  min_out: amount,
  min_fee: amount,
  max_open: u32,
  set_every_ms: u64Plain,
  set_gap_ms: u64Plain,
  out_capacity: amount,
  credit_capacity: amount,
  share_bps: u16,
  forgery_bps: u16,
  silence_jail_bps: option(u16),
  authority: address,
});
/** The parameters of a live chain. */
const live = {
  checkpoint_blocks: 300,
  seal_wait_ms: 60_000,
  batch_life_ms: 86_400_000,
  min_out: DIEM / 100n,
  min_fee: DIEM / 10_000n,
  max_open: 256,
  set_every_ms: 86_400_000,
  set_gap_ms: 600_000,
  out_capacity: 10_000n * DIEM,
  credit_capacity: 10_000n * DIEM,
  share_bps: 1_000,
  forgery_bps: 2_000,
  silence_jail_bps: null,
  authority: "0x" + "00".repeat(20),
};
/** Those of a chain for development. */
const development = {
  ...live,
  checkpoint_blocks: 5,
  seal_wait_ms: 2_000,
  batch_life_ms: 600_000,
  set_every_ms: 600_000,
  set_gap_ms: 5_000,
  silence_jail_bps: 500,
  authority: someAddress("authority"),
};

const call = variants({
  bridge_out: [0, struct({ amount, fee: amount, recipient: address })],
  bump_fee: [1, struct({ id: u64, fee: amount })],
  cancel: [2, struct({ id: u64 })],
  submit: [3, struct({ statements: vec(statement) })],
  replay: [4, struct({ chunk })],
  evidence: [5, struct({ preimage, signature })],
  prepare: [6, struct({ chain_id: u64, max_set_age: u64, mint_capacity: amount, share_bps: u16, guardian: address })],
  activate: [7, struct({ init_code_hash: word, deploy_block: u64 })],
  admin: [8, struct({ action: adminActions })],
  set_params: [9, struct({ params })],
  resume: [10, struct({})],
  hold: [11, struct({ credit: u64 })],
  cover: [12, struct({ amount })],
});
/** The byte of the module, before its calls. */
const MODULE = "0x07";
const callBytes = (value) => concat([MODULE, call.borsh(value)]);

export function calls() {
  const digest = batches().cases[0].digest;
  const guardian = someAddress("guardian");
  const some = [outbound(0, "batch", 1n), inbound(0, 300n)];
  const evidence = (content) => ({ type: "evidence", preimage: content, signature: sign(key(0), digest) });
  const actions = [
    { type: "unpause" },
    { type: "set_limits", mint_capacity: 5_000n * DIEM, share_bps: 500 },
    { type: "resolve_queue", queue_id: 7n, release: true },
    { type: "set_guardian", guardian },
    { type: "move_bridge", bridge: someAddress("another bridge") },
  ];
  const values = [
    { type: "bridge_out", amount: DIEM, fee: DIEM / 100n, recipient: someAddress("recipient") },
    { type: "bump_fee", id: 1n, fee: DIEM / 20n },
    { type: "cancel", id: UINT64_MAX },
    { type: "submit", statements: some },
    { type: "replay", chunk: chunkOf(5, 4) },
    ...contents().map(([content]) => evidence(content)),
    {
      type: "prepare",
      chain_id: 8453n,
      max_set_age: 432_000n,
      mint_capacity: 10_000n * DIEM,
      share_bps: 1_000,
      guardian,
    },
    { type: "activate", init_code_hash: someHash("init code"), deploy_block: 40_000_000n },
    ...actions.map((action) => ({ type: "admin", action })),
    ...[live, development].map((of) => ({ type: "set_params", params: of })),
    { type: "resume" },
    { type: "hold", credit: 9n },
    { type: "cover", amount: 3n * DIEM },
  ];
  const cases = values.map((value) => ({ call: call.json(value), bytes: callBytes(value) }));
  const submit = (count) => callBytes({ type: "submit", statements: Array(count).fill(some[0]) });
  const paramsBytes = callBytes({ type: "set_params", params: live });
  const optionAt = dataLength(paramsBytes) - 21;
  const invalid = [
    ["an unknown call", concat([MODULE, "0x0d"]), "malformed"],
    ["an unknown action", concat([MODULE, "0x0805"]), "malformed"],
    ["an option byte of 2", withByte(paramsBytes, optionAt, "0x02"), "malformed"],
    ["a byte too many", concat([callBytes({ type: "resume" }), "0x00"]), "malformed"],
    ["a byte too few", without(cases[0].bytes, 1), "malformed"],
    ["no statement", submit(0), "submitted"],
    ["17 statements", submit(17), "submitted"],
    ["a chunk without events", callBytes({ type: "replay", chunk: { ...chunkOf(1, 1), events: [] } }), "chunk_events"],
  ];
  return { cases, invalid: invalid.map(([name, hex, error]) => ({ name, bytes: hex, error })) };
}
