// What all vectors are about: one made-up chain and its bridge, keys that are fixed, and what ethers says of them.
import {
  AbiCoder,
  SigningKey,
  TypedDataEncoder,
  computeAddress,
  concat,
  dataLength,
  dataSlice,
  getCreate2Address,
  getCreateAddress,
  id,
  keccak256,
  solidityPacked,
  solidityPackedKeccak256,
  toBeHex,
  toUtf8Bytes,
  zeroPadValue,
} from "ethers";

export const UINT64_MAX = 2n ** 64n - 1n;
export const UINT128_MAX = 2n ** 128n - 1n;
export const DIEM = 10n ** 18n;

/** A hash that stands for something that these vectors do not spell out. */
export const someHash = (text) => id(text);
/** An address of nobody whose key is known. */
export const someAddress = (text) => "0x" + id(text).slice(26);

/** The bytes without the last ones. */
export const without = (hex, count) => dataSlice(hex, 0, dataLength(hex) - count);
/** The bytes with the byte at a place replaced. */
export const withByte = (hex, place, byte) => concat([dataSlice(hex, 0, place), byte, dataSlice(hex, place + 1)]);

/** The key of validator i. */
export const key = (i) => new SigningKey(id(`bridge key ${i} of the vectors`));
export const addressOf = (signingKey) => computeAddress(signingKey.publicKey);
/** The 64 bytes of EIP-2098. */
export const sign = (signingKey, digest) => signingKey.sign(digest).compactSerialized;

export const chainId = "diem-vectors";
export const genesisHash = someHash("genesis");
export const saltOf = (hash, name) => keccak256(concat([toUtf8Bytes("diem-bridge-salt/1"), hash, toUtf8Bytes(name)]));
export const salt = saltOf(genesisHash, chainId);

/** A set in ascending order, as the contract reads it. Members are {key, power}. */
export function setOf(members) {
  const sorted = members
    .map((member) => ({ ...member, address: addressOf(member.key).toLowerCase() }))
    .sort((a, b) => (a.address < b.address ? -1 : 1));
  const total = sorted.reduce((sum, { power }) => sum + power, 0n);
  return { members: sorted, total, bytes: setBytes(total, sorted) };
}

export const setBytes = (total, members) =>
  concat([
    solidityPacked(["uint64"], [total]),
    ...members.map(({ address, power }) => solidityPacked(["address", "uint64"], [address, power])),
  ]);

export const setHashOf = (bytes, nonce, createdAt) =>
  solidityPackedKeccak256(["bytes32", "uint64", "uint64", "bytes"], [salt, nonce, createdAt, bytes]);

/** Nine members, one more than a byte of the bitmap has bits, of different powers. */
export const nine = setOf([...Array(9).keys()].map((i) => ({ key: key(i), power: BigInt(100 + 7 * i) })));

export const deployer = "0x4e59b44847b379578588920cA78FbF26c0B4956C";
export const creationCode = "0x600a600c600039600a6000f3602a60005260206000f3";
export const constructorTypes = [
  "bytes32",
  "bytes32",
  "uint64",
  "uint64",
  "uint128",
  "uint16",
  "address",
  "string",
  "string",
];
/** What follows from the arguments of the constructor. */
export function creation(values) {
  const encoded = AbiCoder.defaultAbiCoder().encode(constructorTypes, values);
  const initCodeHash = keccak256(concat([creationCode, encoded]));
  const bridge = getCreate2Address(deployer, values[0], initCodeHash);
  return { encoded, initCodeHash, bridge, token: getCreateAddress({ from: bridge, nonce: 1 }) };
}

export const constructor = [
  salt,
  setHashOf(nine.bytes, 0n, 1_796_000_000n),
  1_796_000_000n,
  432_000n,
  10_000n * DIEM,
  1_000n,
  someAddress("guardian"),
  chainId,
  "adiem",
];

export const domain = {
  name: "DIEM Bridge",
  version: "1",
  chainId: 8453n,
  verifyingContract: creation(constructor).bridge,
  salt,
};

/** The domain as it stands in a file. */
export const shownDomain = (of) => ({
  baseChainId: of.chainId.toString(),
  bridge: of.verifyingContract,
  salt: of.salt,
  separator: TypedDataEncoder.hashDomain(of),
});

const STRUCTS = {
  Batch: "uint64 nonce,uint64 deadline,uint128 fee,bytes transfers",
  Valset: "uint64 nonce,uint64 createdAt,bytes32 setHash",
  BaseCheckpoint:
    "uint64 number,bytes32 blockHash,uint64 timestamp,uint64 eventNonce,bytes32 rollingHash,uint128 supply",
  Unpause: "uint64 adminNonce,uint64 pauseNonce",
  SetLimits: "uint64 adminNonce,uint128 mintCapacity,uint16 shareBps",
  ResolveQueue: "uint64 adminNonce,uint64 queueId,bool release",
  SetGuardian: "uint64 adminNonce,address guardian",
  MoveBridge: "uint64 adminNonce,address bridge",
  Pause: "uint64 pauseNonce",
};

const fields = (name) =>
  STRUCTS[name].split(",").map((field) => {
    const [type, fieldName] = field.split(" ");
    return { type, name: fieldName };
  });

/** Struct hash and digest of what validators sign. */
export function typed(name, value, of = domain) {
  const types = { [name]: fields(name) };
  return {
    structHash: TypedDataEncoder.hashStruct(name, types, value),
    digest: TypedDataEncoder.hash(of, types, value),
  };
}

/** The transfers of a batch as the contract reads them. */
export const transferBytes = (transfers) =>
  concat(transfers.map(({ recipient, amount }) => solidityPacked(["address", "uint128"], [recipient, amount])));

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
export const HALF_ORDER = ORDER / 2n;

function inverse(value) {
  let [a, b, x, y] = [value % ORDER, ORDER, 1n, 0n];
  while (a > 1n) [a, b, x, y] = [b % a, a, y - (b / a) * x, x];
  return ((x % ORDER) + ORDER) % ORDER;
}

/**
 * A key, and its signature of `digest` with exactly this s. ethers only makes signatures with a low s, so the key is
 * computed from the signature: from s = (z + r d) / k follows d = (s k - z) / r.
 */
export function signatureWithS(digest, s) {
  const nonce = BigInt(id("nonce of a signature"));
  const point = SigningKey.computePublicKey(toBeHex(nonce), false);
  const r = BigInt("0x" + point.slice(4, 68));
  const isOdd = BigInt("0x" + point.slice(68)) & 1n;
  const product = (((s * nonce) % ORDER) - (BigInt(digest) % ORDER) + ORDER) % ORDER;
  const secret = (product * inverse(r)) % ORDER;
  const word = (value) => zeroPadValue(toBeHex(value), 32);
  return { key: new SigningKey(word(secret)), signature: concat([word(r), word(s | (isOdd << 255n))]) };
}
