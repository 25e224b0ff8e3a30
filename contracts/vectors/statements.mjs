// What the chain carries of others: statements, vote extensions, chunks of events, the first transaction of a block.
import { concat, dataLength, dataSlice } from "ethers";
import { amount, bytes, names, option, signature, struct, u32, u64, u8, variants, vec, word } from "./encoding.mjs";
import { events } from "./events.mjs";
import { batches, valsets } from "./signed.mjs";
import {
  DIEM,
  HALF_ORDER,
  UINT64_MAX,
  addressOf,
  domain,
  key,
  shownDomain,
  sign,
  signatureWithS,
  someHash,
  typed,
  withByte,
  without,
} from "./world.mjs";

const KINDS = { batch: 0, valset: 1, admin: 2, pause: 3 };
const outboundFields = { kind: names(KINDS), nonce: u64, digest: word, signature };
const checkpointFields = {
  number: u64,
  block_hash: word,
  timestamp: u64,
  event_nonce: u64,
  rolling_hash: word,
  supply: amount,
};
export const statement = variants({
  outbound: [0, struct(outboundFields)],
  inbound: [1, struct({ checkpoint: struct(checkpointFields), signature })],
});
export const chunk = struct({ first: u64, before: word, events: vec(struct({ kind: u8, payload: bytes })) });
const votes = struct({ statements: vec(statement), chunk: option(chunk) });

const BRIDGE_VOTES = "0x01";
const votesBytes = (value) => concat([BRIDGE_VOTES, votes.borsh(value)]);

export const outbound = (i, kind, nonce, content = someHash(`${kind} ${nonce}`)) => ({
  type: "outbound",
  kind,
  nonce,
  digest: content,
  signature: sign(key(i), content),
});

export function inbound(i, number) {
  const checkpoint = {
    number,
    block_hash: someHash(`block ${number}`),
    timestamp: 1_796_000_700n,
    event_nonce: 13n,
    rolling_hash: someHash("events"),
    supply: 12_345n * DIEM + 1n,
  };
  const { digest } = typed("BaseCheckpoint", {
    number,
    blockHash: checkpoint.block_hash,
    timestamp: checkpoint.timestamp,
    eventNonce: checkpoint.event_nonce,
    rollingHash: checkpoint.rolling_hash,
    supply: checkpoint.supply,
  });
  return { type: "inbound", checkpoint, signature: sign(key(i), digest) };
}

/** All that a case says of a statement. */
const about = (value, i) => ({
  statement: statement.json(value),
  bytes: statement.borsh(value),
  signer: addressOf(key(i)),
  kind: value.type === "inbound" ? 255 : KINDS[value.kind],
  number: (value.type === "inbound" ? value.checkpoint.number : value.nonce).toString(),
});

const ZERO_SIGNATURE = "0x" + "00".repeat(64);
const highS = (digest) => signatureWithS(digest, HALF_ORDER + 1n).signature;

export function statements() {
  const [batch, block] = [outbound(0, "batch", 1n, batches().cases[0].digest), inbound(3, 40_000_200n)];
  const ofBatch = statement.borsh(batch);
  const zero = { ...block, signature: ZERO_SIGNATURE };
  const high = { ...batch, signature: highS(batch.digest) };
  const invalid = [
    ["no bytes", "0x", "malformed"],
    ["an unknown form", withByte(ofBatch, 0, "0x02"), "malformed"],
    ["an unknown kind", withByte(ofBatch, 1, "0x04"), "malformed"],
    ["a byte too many", concat([ofBatch, "0x00"]), "malformed"],
    ["a byte too few", without(statement.borsh(block), 1), "malformed"],
    ["an s above half the order", statement.borsh(high), "high_s"],
    ["a signature of zeros", statement.borsh(zero), "no_signer"],
  ];
  return {
    domain: shownDomain(domain),
    cases: [
      about(batch, 0),
      about(outbound(1, "valset", 2n, valsets().cases[0].digest), 1),
      about(outbound(2, "admin", 3n), 2),
      about(outbound(2, "pause", UINT64_MAX), 2),
      about(block, 3),
      about(inbound(4, UINT64_MAX), 4),
    ],
    invalid: invalid.map(([name, hex, error]) => ({ name, bytes: hex, error })),
  };
}

export function extensions() {
  const list = (count) => [...Array(count).keys()].map((i) => inbound(0, BigInt(300 * i + 300)));
  const encoded = (values) => vec(statement).borsh(values);
  const invalid = [
    ["five statements", encoded([...list(4), outbound(0, "batch", 1n)]), "extension_statements"],
    [
      "1,025 bytes",
      concat([encoded(list(4)), "0x" + "00".repeat(1_025 - dataLength(encoded(list(4))))]),
      "extension_size",
    ],
    ["a byte too many", concat([encoded(list(1)), "0x00"]), "malformed"],
    ["a length beyond its end", "0xffffffff", "malformed"],
  ];
  return {
    cases: [
      { name: "nothing", statements: 0, bytes: "0x" },
      { name: "a list of nothing", statements: 0, bytes: encoded([]) },
      ...[1, 4].map((count) => ({ name: `${count} in a list`, statements: count, bytes: encoded(list(count)) })),
    ],
    invalid: invalid.map(([name, hex, error]) => ({ name, bytes: hex, error })),
  };
}

export const chunkOf = (first, count) => {
  const { cases } = events();
  const taken = cases.slice(first - 1, first - 1 + count);
  return {
    first: BigInt(first),
    before: first === 1 ? shownDomain(domain).separator : cases[first - 2].rollingHash,
    events: taken.map(({ kind, payload }) => ({ kind, payload })),
  };
};

export function chunks() {
  const cases = [chunkOf(1, 1), chunkOf(1, 13), chunkOf(5, 4)];
  return {
    cases: cases.map((value) => ({
      chunk: chunk.json(value),
      bytes: chunk.borsh(value),
      rollingHash: events().cases[Number(value.first) - 2 + value.events.length].rollingHash,
    })),
  };
}

/** Statements in the order of a block: by signer, then kind, then number. */
function inOrder(list) {
  const place = ({ value, i }) => {
    const { kind, number } = about(value, i);
    return [BigInt(addressOf(key(i))), BigInt(kind), BigInt(number)];
  };
  const compare = (a, b) => {
    const [left, right] = [place(a), place(b)];
    const differs = left.findIndex((part, at) => part !== right[at]);
    return differs < 0 ? 0 : left[differs] < right[differs] ? -1 : 1;
  };
  return [...list].sort(compare).map(({ value }) => value);
}

/** Bytes as pieces that are repeated, so that large ones stay readable: [hex, times]. */
const repeated = (...pieces) => pieces;

export function bridgeVotes() {
  const signed = [];
  for (const i of [0, 1, 2]) {
    signed.push({ i, value: inbound(i, 300n) }, { i, value: inbound(i, 600n) });
    signed.push({ i, value: outbound(i, "batch", 256n) }, { i, value: outbound(i, "batch", 3n) });
    signed.push({ i, value: outbound(i, "valset", 2n) }, { i, value: outbound(i, "pause", 1n) });
  }
  const list = inOrder(signed);
  const [first, second, ...rest] = list;
  const one = statement.borsh(first);
  const both = votesBytes({ statements: list, chunk: chunkOf(5, 4) });
  const event = (length) => concat(["0x01", u32.borsh(length), "0x" + "00".repeat(length)]);
  const head = concat([BRIDGE_VOTES, u32.borsh(0), "0x01"]);
  const chunkHead = (at) => concat([u64.borsh(at), someHash("before")]);

  const cases = [
    ["statements of three signers", { statements: list, chunk: null }],
    ["events alone", { statements: [], chunk: chunkOf(1, 13) }],
    ["both", { statements: list, chunk: chunkOf(5, 4) }],
  ];
  const bad = (statements) => [[votesBytes({ statements, chunk: null }), 1]];
  const invalid = [
    ["no bytes", [], "malformed"],
    ["another first byte", [[withByte(both, 0, "0x00"), 1]], "malformed"],
    [
      "a byte too many",
      [
        [both, 1],
        ["0x00", 1],
      ],
      "malformed",
    ],
    ["a byte too few", [[without(both, 1), 1]], "malformed"],
    ["an option byte of 2", [[concat([BRIDGE_VOTES, u32.borsh(1), one, "0x02"]), 1]], "malformed"],
    ["a statement of an unknown kind", [[withByte(both, 6, "0x04"), 1]], "malformed"],
    ["neither statements nor events", [[votesBytes({ statements: [], chunk: null }), 1]], "votes_empty"],
    [
      "301 statements",
      repeated([concat([BRIDGE_VOTES, u32.borsh(301)]), 1], [one, 301], ["0x00", 1]),
      "votes_statements",
    ],
    ["98,305 bytes", repeated([BRIDGE_VOTES, 98_305]), "votes_size"],
    ["a chunk without events", [[concat([head, chunkHead(1), u32.borsh(0)]), 1]], "chunk_events"],
    ["201 events", repeated([concat([head, chunkHead(1), u32.borsh(201)]), 1], [event(36), 201]), "chunk_events"],
    ["a payload of 129 bytes", [[concat([head, chunkHead(1), u32.borsh(1), event(129)]), 1]], "payload_size"],
    ["an event of nonce 0", [[concat([head, chunkHead(0), u32.borsh(1), event(56)]), 1]], "chunk_nonces"],
    ["a nonce beyond 64 bits", [[concat([head, chunkHead(UINT64_MAX), u32.borsh(1), event(56)]), 1]], "chunk_nonces"],
    ["two in the wrong order", bad([second, first, ...rest]), "votes_order"],
    ["one twice", bad([first, first, second]), "votes_duplicate"],
    [
      "two contents under one place",
      bad(
        inOrder([
          { i: 0, value: outbound(0, "batch", 3n) },
          { i: 0, value: outbound(0, "batch", 3n, someHash("another")) },
        ]),
      ),
      "votes_duplicate",
    ],
    [
      "a statement of Base before one of the same signer for it",
      bad([inbound(0, 300n), outbound(0, "pause", 1n)]),
      "votes_order",
    ],
    ["an s above half the order", bad([{ ...first, signature: highS(someHash("a digest")) }]), "high_s"],
    ["a signature of zeros", bad([{ ...first, signature: ZERO_SIGNATURE }]), "no_signer"],
  ];
  return {
    domain: shownDomain(domain),
    cases: cases.map(([name, value]) => ({
      name,
      statements: value.statements.map(statement.json),
      chunk: option(chunk).json(value.chunk),
      bytes: votesBytes(value),
    })),
    invalid: invalid.map(([name, pieces, error]) => ({ name, pieces, error })),
  };
}
