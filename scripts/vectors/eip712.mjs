// Known answers for the typed data that an Ethereum wallet signs, computed by ethers. Run once, the result is
// committed:
//
//   npm ci && npm run eip712
//
// Signatures are deterministic (RFC 6979), so that ours must be the same, byte for byte.
import { TypedDataEncoder, Wallet } from "ethers";

const domain = { name: "DIEM", version: "1" };

const types = {
  Transaction: [
    { name: "chainId", type: "string" },
    { name: "genesisHash", type: "bytes32" },
    { name: "sender", type: "address" },
    { name: "nonce", type: "uint64" },
    { name: "expiry", type: "uint64" },
    { name: "gasPrice", type: "uint128" },
    { name: "maxFee", type: "uint128" },
    { name: "feePayer", type: "address" },
    { name: "calls", type: "Call[]" },
    { name: "memo", type: "string" },
  ],
  Call: [
    { name: "kind", type: "uint16" },
    { name: "text", type: "string" },
    { name: "data", type: "bytes" },
  ],
};

// The first account of "test test test test test test test test test test test junk".
const wallet = new Wallet("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
const somebody = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const nobody = "0x0000000000000000000000000000000000000000";

// borsh by hand: module 1 (bank), call 0 (transfer), recipient, denomination 0 (VVV), amount in 16 bytes little-endian.
const amount = 1_500_000_000_000_000_000n;
const littleEndian = (n, bytes) => Array.from({ length: bytes }, (_, i) => Number((n >> BigInt(8 * i)) & 255n));
const hex = (bytes) => bytes.map((b) => b.toString(16).padStart(2, "0")).join("");
const transfer = {
  kind: 0x0100,
  text: `Send 1.5 VVV to ${somebody}`,
  data: `0x0100${somebody.slice(2).toLowerCase()}00${hex(littleEndian(amount, 16))}`,
};

const plain = {
  chainId: "diem-test-dev",
  genesisHash: `0x${"5a".repeat(32)}`,
  sender: wallet.address,
  nonce: "7",
  expiry: "1000",
  gasPrice: "1000000000",
  maxFee: "1000000000000000000",
  feePayer: nobody,
  calls: [transfer],
  memo: "",
};

const largest = {
  ...plain,
  chainId: "c".repeat(50),
  genesisHash: `0x${"ff".repeat(32)}`,
  nonce: (2n ** 64n - 1n).toString(),
  expiry: (2n ** 64n - 1n).toString(),
  gasPrice: (2n ** 128n - 1n).toString(),
  maxFee: (2n ** 128n - 1n).toString(),
  calls: [{ kind: 0xffff, text: "everything", data: `0x${"ff".repeat(200)}` }],
};

const cases = {
  "a transfer": plain,
  "two calls, a fee payer, a memo beyond ascii": {
    ...plain,
    feePayer: somebody,
    calls: [transfer, { kind: 0x0201, text: "füttern", data: "0x0201deadbeef" }],
    memo: "für das Brot 🍞",
  },
  "no calls": { ...plain, calls: [] },
  "the largest numbers": largest,
};

const answers = [];
for (const [name, message] of Object.entries(cases)) {
  answers.push({
    name,
    message,
    structHash: TypedDataEncoder.from(types).hash(message),
    digest: TypedDataEncoder.hash(domain, types, message),
    signature: await wallet.signTypedData(domain, types, message),
  });
}
console.log(
  JSON.stringify(
    {
      source: "ethers 6.17.0, scripts/vectors/eip712.mjs",
      secret: wallet.privateKey,
      domainSeparator: TypedDataEncoder.hashDomain(domain),
      encodedType: TypedDataEncoder.from(types).encodeType("Transaction"),
      cases: answers,
    },
    null,
    2,
  ),
);
