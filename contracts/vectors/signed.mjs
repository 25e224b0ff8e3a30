// What validators sign: domains, addresses, sets, lists of signatures, and every struct.
import { concat, dataLength, dataSlice, hexlify, solidityPacked, toUtf8Bytes, keccak256 } from "ethers";
import { createPrivateKey, createPublicKey, sign as nodeSign } from "node:crypto";
import {
  DIEM,
  HALF_ORDER,
  UINT128_MAX,
  UINT64_MAX,
  addressOf,
  chainId,
  constructor,
  creation,
  creationCode,
  deployer,
  domain,
  genesisHash,
  key,
  nine,
  salt,
  saltOf,
  setBytes,
  setHashOf,
  setOf,
  shownDomain,
  sign,
  signatureWithS,
  someAddress,
  someHash,
  transferBytes,
  typed,
} from "./world.mjs";

const text = (value) => (typeof value === "bigint" ? value.toString() : value);
/** An object whose numbers are strings of digits. */
export const shown = (object) => Object.fromEntries(Object.entries(object).map(([name, value]) => [name, text(value)]));

export function saltAndDomain() {
  const salts = [
    [genesisHash, chainId],
    [someHash("another genesis"), chainId],
    [genesisHash, "diem-1"],
  ];
  const other = { ...domain, chainId: 84532n, verifyingContract: someAddress("another bridge") };
  return {
    salt: salts.map(([hash, name]) => ({ genesisHash: hash, chainId: name, salt: saltOf(hash, name) })),
    domain: [shownDomain(domain), shownDomain(other), shownDomain({ ...domain, chainId: UINT64_MAX })],
  };
}

export function addresses() {
  const names = [
    "salt",
    "setHash",
    "createdAt",
    "maxSetAge",
    "mintCapacity",
    "shareBps",
    "guardian",
    "chainId",
    "denom",
  ];
  const long = [...constructor];
  long[4] = UINT128_MAX;
  long[5] = 10_000n;
  long[7] = "diem-a-name-of-forty-bytes-for-the-chain";
  const words = [...constructor];
  words[7] = "diem-a-name-that-fills-one-word!";
  return {
    deployer,
    cases: [constructor, long, words].map((values) => ({
      constructor: shown(Object.fromEntries(names.map((name, i) => [name, values[i]]))),
      creationCode,
      ...creation(values),
    })),
  };
}

const shownMembers = (members) => members.map(({ address, power }) => ({ address, power: power.toString() }));

export function sets() {
  const some = (count, power) => setOf([...Array(count).keys()].map((i) => ({ key: key(i), power: power(BigInt(i)) })));
  const cases = [
    ["one member", some(1, () => 1n), 0n, 1_796_000_000n],
    ["nine members of different powers", nine, 1n, 1_796_000_600n],
    ["the largest set", some(150, (i) => i + 1n), UINT64_MAX, UINT64_MAX],
    ["the largest total", some(2, (i) => (i === 0n ? UINT64_MAX - 1n : 1n)), 2n, 1n],
  ];
  const three = some(3, (i) => i + 1n);
  const [a, b, c] = three.members;
  const invalid = [
    ["no bytes", "0x", "set_members"],
    ["no member", setBytes(0n, []), "set_members"],
    ["151 members", some(151, () => 1n).bytes, "set_members"],
    ["a byte too many", concat([three.bytes, "0x00"]), "set_members"],
    ["a byte too few", dataSlice(three.bytes, 0, dataLength(three.bytes) - 1), "set_members"],
    ["two members in the wrong order", setBytes(6n, [b, a, c]), "set_order"],
    ["a member twice", setBytes(6n + b.power, [a, b, b, c]), "set_order"],
    ["the zero address", setBytes(6n, [{ ...a, address: "0x" + "00".repeat(20) }, b, c]), "set_order"],
    ["a member without power", setBytes(b.power + c.power, [{ ...a, power: 0n }, b, c]), "set_power"],
    ["a total above the sum", setBytes(7n, three.members), "set_total"],
    ["a total below the sum", setBytes(5n, three.members), "set_total"],
    [
      "a sum that wraps",
      setBytes(1n, [
        { ...a, power: UINT64_MAX },
        { ...b, power: 2n },
      ]),
      "set_total",
    ],
  ];
  return {
    salt,
    cases: cases.map(([name, set, nonce, createdAt]) => ({
      name,
      total: set.total.toString(),
      members: shownMembers(set.members),
      bytes: set.bytes,
      nonce: nonce.toString(),
      createdAt: createdAt.toString(),
      setHash: setHashOf(set.bytes, nonce, createdAt),
    })),
    invalid: invalid.map(([name, bytes, error]) => ({ name, bytes, error, revert: "MalformedSet" })),
  };
}

const bitmap = (places, members) => {
  const bytes = new Uint8Array(Math.ceil(members / 8));
  for (const place of places) bytes[place >> 3] |= 1 << (place & 7);
  return hexlify(bytes);
};

/** The list of the members at these places of a set. */
const list = (set, places, digest) =>
  concat([bitmap(places, set.members.length), ...places.map((place) => sign(set.members[place].key, digest))]);

export function signatureLists() {
  const batch = batches().cases[0];
  const { digest } = batch;
  const one = setOf([{ key: key(0), power: 1n }]);
  const large = setOf([...Array(150).keys()].map((i) => ({ key: key(i), power: 1n })));
  const half = signatureWithS(digest, HALF_ORDER);
  const high = signatureWithS(digest, HALF_ORDER + 1n);
  const ofHalf = setOf([{ key: half.key, power: 1n }]);
  const ofHigh = setOf([{ key: high.key, power: 1n }]);

  const valid = [
    ["one of one", one, [0]],
    ["nobody", nine, []],
    ["the first of nine", nine, [0]],
    ["the last of nine, whose bit is in the second byte", nine, [8]],
    ["seven of nine", nine, [0, 1, 3, 4, 6, 7, 8]],
    ["all of nine", nine, [...Array(9).keys()]],
    ["101 of 150", large, [...Array(101).keys()].map((i) => i + 49)],
  ].map(([name, set, places]) => [name, set, places, list(set, places, digest)]);
  valid.push(["an s of half the order", ofHalf, [0], concat(["0x01", half.signature])]);

  const two = list(nine, [0, 1], digest);
  const [first, second] = [dataSlice(two, 2, 66), dataSlice(two, 66)];
  const stranger = sign(key(99), digest);
  const bits = (places) => bitmap(places, 9);
  const odd = concat([
    dataSlice(first, 0, 32),
    solidityPacked(["uint256"], [BigInt(dataSlice(first, 32)) ^ (1n << 255n)]),
  ]);
  const zero = "0x" + "00".repeat(64);
  const invalid = [
    ["no bytes", nine, "0x", "list_length", null],
    ["a bitmap that is cut off", nine, "0x00", "list_length", null],
    ["a signature too few", nine, concat([bits([0, 1]), first]), "list_length", "WrongSigner"],
    ["a signature that is cut off", nine, dataSlice(two, 0, dataLength(two) - 1), "list_length", null],
    ["a signature too many", nine, concat([bits([0]), first, second]), "list_length", "WrongSignatureList"],
    ["a byte too many", nine, concat([two, "0x00"]), "list_length", "WrongSignatureList"],
    ["a bit beyond the last member", nine, concat(["0x0102", first, second]), "list_bits", "WrongSignatureList"],
    [
      "a bit beyond the last member, and nobody else",
      nine,
      concat(["0x0080", first]),
      "list_bits",
      "WrongSignatureList",
    ],
    ["a member twice", nine, concat([bits([0, 1]), first, first]), "list_signer", "WrongSigner"],
    ["two signatures in the wrong order", nine, concat([bits([0, 1]), second, first]), "list_signer", "WrongSigner"],
    ["bits from the most significant on", nine, concat(["0xc000", first, second]), "list_signer", "WrongSigner"],
    ["a key that is not in the set", nine, concat([bits([0]), stranger]), "list_signer", "WrongSigner"],
    ["another digest", nine, list(nine, [0], someHash("another digest")), "list_signer", "WrongSigner"],
    ["the other parity", nine, concat([bits([0]), odd]), "list_signer", "WrongSigner"],
    [
      "a signature of zeros, for which ecrecover answers zero",
      nine,
      concat([bits([0]), zero]),
      "list_signer",
      "WrongSigner",
    ],
    [
      "an s above half the order, by the member's own key",
      ofHigh,
      concat(["0x01", high.signature]),
      "high_s",
      "WrongSigner",
    ],
  ];
  return {
    domain: shownDomain(domain),
    // The digest is that of the first batch, so that the contract can be asked by submitting it.
    batch,
    cases: valid.map(([name, set, places, bytes]) => {
      const signed = places.reduce((sum, place) => sum + set.members[place].power, 0n);
      return {
        name,
        set: set.bytes,
        places,
        bytes,
        signed: signed.toString(),
        total: set.total.toString(),
        moreThanTwoThirds: 3n * signed > 2n * set.total,
      };
    }),
    // Where the contract reads beyond the end of a list that is too short, what it finds there decides which error it
    // gives; `revert` is null then.
    invalid: invalid.map(([name, set, bytes, error, revert]) => ({ name, set: set.bytes, bytes, error, revert })),
  };
}

export function thresholds() {
  const pairs = [
    [0n, 1n],
    [1n, 1n],
    [1n, 2n],
    [1n, 3n],
    [2n, 3n],
    [3n, 4n],
    [67n, 100n],
    [66n, 100n],
    [34n, 100n],
    [33n, 100n],
    [76n, 100n],
    [75n, 100n],
    [UINT64_MAX, UINT64_MAX],
    [UINT64_MAX / 3n, UINT64_MAX],
    [(UINT64_MAX / 3n) * 2n, UINT64_MAX],
    [(UINT64_MAX / 3n) * 2n + 1n, UINT64_MAX],
    [(UINT64_MAX / 4n) * 3n, UINT64_MAX],
    [(UINT64_MAX / 4n) * 3n + 3n, UINT64_MAX],
  ];
  return {
    cases: pairs.map(([signed, total]) => ({
      signed: signed.toString(),
      total: total.toString(),
      moreThanTwoThirds: 3n * signed > 2n * total,
      moreThanThreeQuarters: 4n * signed > 3n * total,
      atLeastOneThird: 3n * signed >= total,
    })),
  };
}

/** What every struct's case shows beside its fields: both hashes, and a signature of the digest by key 0. */
const hashes = (name, value) => {
  const { structHash, digest } = typed(name, value);
  return { structHash, digest, signature: sign(key(0), digest) };
};

export function batches() {
  const transfer = (i) => ({ recipient: someAddress(`recipient ${i}`), amount: BigInt(i + 1) * DIEM });
  const largest = { recipient: "0x" + "ff".repeat(20), amount: UINT128_MAX };
  const cases = [
    ["one transfer", 1n, 1_796_086_400n, DIEM / 100n, [transfer(0)]],
    ["two transfers and no fee", 2n, 1_796_086_401n, 0n, [transfer(1), transfer(2)]],
    ["as many as the contract takes", 3n, 1_796_086_402n, DIEM, [...Array(100).keys()].map(transfer)],
    ["the largest numbers", UINT64_MAX, UINT64_MAX, UINT128_MAX, [largest]],
  ];
  const bytes = transferBytes([transfer(0), transfer(1)]);
  const invalid = [
    ["no transfer", "0x"],
    ["a byte too few", dataSlice(bytes, 0, 71)],
    ["a byte too many", concat([bytes, "0x00"])],
    ["101 transfers", transferBytes([...Array(101).keys()].map(transfer))],
  ];
  return {
    domain: shownDomain(domain),
    signer: addressOf(key(0)),
    cases: cases.map(([name, nonce, deadline, fee, transfers]) => {
      const value = { nonce, deadline, fee, transfers: transferBytes(transfers) };
      return { name, ...shown(value), items: transfers.map(shown), ...hashes("Batch", value) };
    }),
    invalid: invalid.map(([name, transfers]) => ({ name, transfers, error: "transfers", revert: "WrongTransfers" })),
  };
}

const struct = (name, values) => ({
  domain: shownDomain(domain),
  signer: addressOf(key(0)),
  cases: values.map((value) => ({ ...shown(value), ...hashes(name, value) })),
});

export const valsets = () =>
  struct("Valset", [
    { nonce: 1n, createdAt: 1_796_000_600n, setHash: setHashOf(nine.bytes, 1n, 1_796_000_600n) },
    { nonce: UINT64_MAX, createdAt: UINT64_MAX, setHash: someHash("a set") },
  ]);

export const checkpoints = () =>
  struct("BaseCheckpoint", [
    {
      number: 40_000_200n,
      blockHash: someHash("block"),
      timestamp: 1_796_000_700n,
      eventNonce: 0n,
      rollingHash: shownDomain(domain).separator,
      supply: 0n,
    },
    {
      number: 40_000_500n,
      blockHash: someHash("a later block"),
      timestamp: 1_796_000_760n,
      eventNonce: 13n,
      rollingHash: someHash("events"),
      supply: 12_345n * DIEM + 1n,
    },
    {
      number: UINT64_MAX,
      blockHash: "0x" + "ff".repeat(32),
      timestamp: UINT64_MAX,
      eventNonce: UINT64_MAX,
      rollingHash: "0x" + "ff".repeat(32),
      supply: UINT128_MAX,
    },
  ]);

/** The actions with their values, in the order of their numbers. */
export const ACTIONS = [
  ["Unpause", { adminNonce: 1n, pauseNonce: 3n }],
  ["SetLimits", { adminNonce: 2n, mintCapacity: 5_000n * DIEM, shareBps: 500n }],
  ["ResolveQueue", { adminNonce: 3n, queueId: 7n, release: true }],
  ["ResolveQueue", { adminNonce: 4n, queueId: 8n, release: false }],
  ["SetGuardian", { adminNonce: 5n, guardian: someAddress("another guardian") }],
  ["MoveBridge", { adminNonce: UINT64_MAX, bridge: someAddress("another bridge") }],
];

export const admin = () => ({
  domain: shownDomain(domain),
  signer: addressOf(key(0)),
  cases: ACTIONS.map(([name, value]) => ({ action: name, ...shown(value), ...hashes(name, value) })),
});

export const pauses = () => struct("Pause", [{ pauseNonce: 1n }, { pauseNonce: 4n }, { pauseNonce: UINT64_MAX }]);

export function keyProof() {
  const seed = Buffer.from(someHash("consensus key").slice(2), "hex");
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  const consensus = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const publicKey = hexlify(createPublicKey(consensus).export({ format: "der", type: "spki" }).subarray(-32));
  const [operator, bridgeAddress] = [someAddress("operator"), addressOf(key(0))];
  const message = solidityPacked(
    ["bytes", "uint8", "bytes", "address", "bytes32", "address"],
    [toUtf8Bytes("diem-bridge-key/1"), chainId.length, toUtf8Bytes(chainId), operator, publicKey, bridgeAddress],
  );
  return {
    chainId,
    operator,
    consensusKey: publicKey,
    bridgeAddress,
    message,
    consensusSignature: hexlify(nodeSign(null, Buffer.from(message.slice(2), "hex"), consensus)),
    bridgeSignature: sign(key(0), keccak256(message)),
  };
}
