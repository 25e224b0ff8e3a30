// What the contract reports, and its storage.
import {
  concat,
  dataLength,
  dataSlice,
  keccak256,
  solidityPacked,
  solidityPackedKeccak256,
  toBeHex,
  zeroPadValue,
} from "ethers";
import { shown } from "./signed.mjs";
import { DIEM, UINT128_MAX, UINT64_MAX, deployer, domain, shownDomain, someAddress, someHash } from "./world.mjs";

/** Number, name and fields of each kind. */
const KINDS = [
  [1, "Burn", { sender: "address", recipient: "address", amount: "uint128" }],
  [
    2,
    "BatchExecuted",
    {
      batchNonce: "uint64",
      structHash: "bytes32",
      relayer: "address",
      minted: "uint128",
      fee: "uint128",
      queued: "uint128",
    },
  ],
  [3, "SetInstalled", { nonce: "uint64", setHash: "bytes32", submitter: "address" }],
  [4, "Queued", { queueId: "uint64", batchNonce: "uint64", index: "uint16", amount: "uint128", readyAt: "uint64" }],
  [5, "Released", { queueId: "uint64", amount: "uint128" }],
  [6, "Cancelled", { queueId: "uint64", amount: "uint128" }],
  [7, "StatusChanged", { pausedUntil: "uint64", pauseNonce: "uint64" }],
  [8, "LimitsChanged", { mintCapacity: "uint128", shareBps: "uint16", at: "uint64" }],
  [9, "MoveAnnounced", { bridge: "address", at: "uint64" }],
  [10, "GuardianChanged", { guardian: "address" }],
  [11, "Veto", { what: "uint8", id: "uint64", until: "uint64" }],
  [12, "AdminExecuted", { adminNonce: "uint64", structHash: "bytes32" }],
  [13, "SetProposed", { nonce: "uint64", setHash: "bytes32", installAt: "uint64" }],
];

const at = 1_796_100_000n;
/** Events in an order that a contract could report them in; the last ones have the largest and the smallest numbers. */
const REPORTED = [
  ["SetInstalled", { nonce: 1n, setHash: someHash("a set"), submitter: someAddress("submitter") }],
  [
    "BatchExecuted",
    {
      batchNonce: 1n,
      structHash: someHash("a batch"),
      relayer: someAddress("relayer"),
      minted: 5n * DIEM,
      fee: DIEM / 100n,
      queued: 2_000n * DIEM,
    },
  ],
  ["Queued", { queueId: 1n, batchNonce: 1n, index: 3n, amount: 2_000n * DIEM, readyAt: at + 86_400n }],
  ["Queued", { queueId: 2n, batchNonce: 1n, index: 65_535n, amount: DIEM, readyAt: at + 86_400n }],
  ["Burn", { sender: someAddress("sender"), recipient: someAddress("recipient"), amount: DIEM }],
  ["Veto", { what: 0n, id: 1n, until: at + 1_209_600n }],
  ["AdminExecuted", { adminNonce: 1n, structHash: someHash("an action") }],
  ["Veto", { what: 0n, id: 1n, until: 0n }],
  ["Released", { queueId: 1n, amount: 2_000n * DIEM }],
  ["Cancelled", { queueId: 2n, amount: DIEM }],
  ["StatusChanged", { pausedUntil: UINT64_MAX, pauseNonce: 1n }],
  ["LimitsChanged", { mintCapacity: 20_000n * DIEM, shareBps: 500n, at: at + 172_800n }],
  ["MoveAnnounced", { bridge: someAddress("another bridge"), at: at + 604_800n }],
  ["Veto", { what: 2n, id: 0n, until: 0n }],
  ["GuardianChanged", { guardian: someAddress("another guardian") }],
  ["SetProposed", { nonce: 9n, setHash: someHash("a late set"), installAt: at + 216_000n }],
  ["Veto", { what: 1n, id: 9n, until: 0n }],
  ["StatusChanged", { pausedUntil: 0n, pauseNonce: 2n }],
  ["Burn", { sender: "0x" + "ff".repeat(20), recipient: "0x" + "00".repeat(19) + "01", amount: UINT128_MAX }],
];

const packed = (name, value) => {
  const fields = KINDS.find(([, kindName]) => kindName === name)[2];
  return solidityPacked(
    Object.values(fields),
    Object.keys(fields).map((field) => value[field]),
  );
};

export function events() {
  let rollingHash = shownDomain(domain).separator;
  const cases = REPORTED.map(([name, value], i) => {
    const [kind] = KINDS.find(([, kindName]) => kindName === name);
    const payload = packed(name, value);
    rollingHash = solidityPackedKeccak256(
      ["bytes32", "uint64", "uint8", "bytes32"],
      [rollingHash, i + 1, kind, keccak256(payload)],
    );
    return { nonce: i + 1, kind, name, fields: shown(value), payload, rollingHash };
  });
  const burn = cases.find(({ kind }) => kind === 1).payload;
  const veto = cases.find(({ kind }) => kind === 11).payload;
  const invalid = [
    ["kind 0", 0, burn, "event_kind"],
    ["kind 14", 14, burn, "event_kind"],
    ["kind 255", 255, "0x", "event_kind"],
    ["a veto of something unknown", 11, concat(["0x03", dataSlice(veto, 1)]), "event_value"],
    ...KINDS.flatMap(([kind, name]) => {
      const { payload } = cases.find((event) => event.kind === kind);
      return [
        [`${name} with a byte too few`, kind, dataSlice(payload, 0, dataLength(payload) - 1), "event_length"],
        [`${name} with a byte too many`, kind, concat([payload, "0x00"]), "event_length"],
      ];
    }),
  ];
  return {
    before: shownDomain(domain).separator,
    cases,
    invalid: invalid.map(([name, kind, payload, error]) => ({ name, kind, payload, error })),
  };
}

export function slots() {
  const word = ([eventNonce, setNonce, createdAt, status]) =>
    zeroPadValue(toBeHex(eventNonce + (setNonce << 64n) + (createdAt << 128n) + (status << 192n)), 32);
  const cases = [
    [0n, 0n, 1_796_000_000n, 0n],
    [13n, 2n, 1_796_086_400n, 1n],
    [UINT64_MAX, UINT64_MAX, UINT64_MAX, 1n],
  ];
  const invalid = [
    ["a status of 2", word([1n, 1n, 1n, 2n])],
    ["a bit above the status", zeroPadValue(toBeHex(1n << 200n), 32)],
    ["the highest bit", zeroPadValue(toBeHex(1n << 255n), 32)],
  ];
  return {
    cases: cases.map((fields) => ({
      eventNonce: fields[0].toString(),
      setNonce: fields[1].toString(),
      setCreatedAt: fields[2].toString(),
      status: Number(fields[3]),
      word: word(fields),
    })),
    invalid: invalid.map(([name, hex]) => ({ name, word: hex, error: "slot" })),
  };
}

/** The numbers that both sides hold as constants. */
export const constants = () => ({
  create2Deployer: deployer,
  denom: "adiem",
  firstNonce: 1,
  constructorSetNonce: 0,
  firstPauseNonce: 0,
  feeIndex: 65_535,
  mostMembers: 150,
  mostTransfers: 100,
  mostStatementsOfABlock: 300,
  mostEventsOfAChunk: 200,
  mostBytesOfAPayload: 128,
  mostBytesOfABlock: 98_304,
  mostStatementsOfACall: 16,
  slots: { bridgeState: 0, rollingHash: 1, setHash: 2, totalSupply: 2 },
});
