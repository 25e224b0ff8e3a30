// A local Base, a bridge on it, and validators who sign for it. For scripts only: every key here is known to everybody.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import {
  AbiCoder, Contract, JsonRpcProvider, SigningKey, TypedDataEncoder, Wallet, concat, computeAddress, getBytes,
  getCreate2Address, getCreateAddress, hexlify, id, keccak256, toBeHex,
} from "ethers";
import { binary } from "./binary.mjs";

export const DIEM = 10n ** 18n;
/** The CREATE2 factory that Base and anvil have; it has no owner and takes the salt before the init code. */
const FACTORY = "0x4e59b44847b379578588920cA78FbF26c0B4956C";

const artifact = (name) => JSON.parse(readFileSync(new URL(`../out/${name}.sol/${name}.json`, import.meta.url)));

/** Starts anvil with the rules of an OP chain on a free port. Call `stop` at the end. */
export async function startBase() {
  const options = ["--optimism", "--port", "0", "--chain-id", "8453", "--timestamp", "1800000000"];
  const anvil = spawn(binary("anvil"), options, { stdio: ["ignore", "pipe", "inherit"] });
  const port = await new Promise((resolve, reject) => {
    let text = "";
    anvil.once("exit", (code) => reject(new Error(`anvil ended with ${code}: ${text}`)));
    anvil.stdout.on("data", (data) => {
      text += data;
      const listening = text.match(/Listening on [\d.]+:(\d+)/);
      if (listening) resolve(listening[1]);
    });
  });
  const provider = new JsonRpcProvider(`http://127.0.0.1:${port}`, undefined, { cacheTimeout: -1, pollingInterval: 50 });
  // A second a block, so that every run signs the same bytes and costs the same gas.
  await provider.send("anvil_setBlockTimestampInterval", [1]);
  const stop = () => (provider.destroy(), anvil.removeAllListeners("exit"), anvil.kill());
  return { provider, stop };
}

/** Validators in the order of their addresses, with equal powers, as a set of the bridge. */
export function makeSet(label, size) {
  const members = Array.from({ length: size }, (_, i) => new SigningKey(id(`${label} ${i}`)))
    .map((key) => ({ key, address: computeAddress(key).toLowerCase() }))
    .sort((a, b) => (a.address < b.address ? -1 : 1));
  const power = 1_000_000_000_000_000n;
  const bytes = concat([toBeHex(power * BigInt(size), 8), ...members.map((m) => concat([m.address, toBeHex(power, 8)]))]);
  return { members, bytes };
}

/** The list of the fewest signatures above two thirds. */
export function signList({ members }, digest) {
  const signers = Math.floor((2 * members.length) / 3) + 1;
  const bitmap = new Uint8Array(Math.ceil(members.length / 8));
  for (let i = 0; i < signers; i++) bitmap[i >> 3] |= 1 << (i & 7);
  return concat([bitmap, ...members.slice(0, signers).map((m) => m.key.sign(digest).compactSerialized)]);
}

export const setHash = (salt, nonce, createdAt, set) =>
  keccak256(concat([salt, toBeHex(nonce, 8), toBeHex(createdAt, 8), set.bytes]));

const TYPES = {
  Batch: "uint64 nonce,uint64 deadline,uint128 fee,bytes transfers",
  Valset: "uint64 nonce,uint64 createdAt,bytes32 setHash",
};

/** A bridge with a set that lives for 30 days. `send` gives the receipt. */
export async function deployBridge(provider, set) {
  const sender = new Wallet(id("relayer"), provider);
  await provider.send("anvil_setBalance", [sender.address, toBeHex(1000n * DIEM)]);
  const createdAt = (await provider.getBlock("latest")).timestamp;
  const salt = id(`salt ${set.bytes}`);
  const { abi, bytecode } = artifact("DiemBridge");
  const arguments_ = [
    salt, setHash(salt, 0, createdAt, set), createdAt, 30 * 86_400, 1_000_000n * DIEM, 10_000, sender.address,
    "diem-1", "adiem",
  ];
  const types = abi.find((entry) => entry.type === "constructor").inputs.map((input) => input.type);
  const initCode = concat([bytecode.object, AbiCoder.defaultAbiCoder().encode(types, arguments_)]);
  const address = getCreate2Address(FACTORY, salt, keccak256(initCode));
  const deployment = await (await sender.sendTransaction({ to: FACTORY, data: concat([salt, initCode]) })).wait();

  const bridge = new Contract(address, abi, sender);
  const token = new Contract(getCreateAddress({ from: address, nonce: 1 }), artifact("DiemToken").abi, sender);
  const domain = { name: "DIEM Bridge", version: "1", chainId: 8453, verifyingContract: address, salt };
  const send = async (name, ...values) => (await bridge[name](...values)).wait();
  const digest = (type, message) => {
    const fields = TYPES[type].split(",").map((field) => field.split(" ")).map(([type, name]) => ({ type, name }));
    return TypedDataEncoder.hash(domain, { [type]: fields }, message);
  };
  return { provider, sender, salt, createdAt, bridge, token, deployment, send, digest };
}

/** Installs `next` with the signatures of `set`, the stored one. */
export async function updateSet(base, set, nonce, next) {
  const createdAt = base.createdAt + nonce;
  const hash = setHash(base.salt, nonce, createdAt, next);
  const sigs = signList(set, base.digest("Valset", { nonce, createdAt, setHash: hash }));
  return base.send("updateSet", set.bytes, sigs, nonce, createdAt, next.bytes);
}

/** A batch of `count` transfers to recipients that had nothing before, and its fee. */
export async function submitBatch(base, set, nonce, count) {
  const recipient = (i) => hexlify(getBytes(id(`recipient ${nonce} ${i}`)).slice(0, 20));
  const transfers = concat(Array.from({ length: count }, (_, i) => concat([recipient(i), toBeHex(DIEM + BigInt(i), 16)])));
  const batch = { nonce, deadline: base.createdAt + 86_400, fee: (DIEM * BigInt(count)) / 100n, transfers };
  const sigs = signList(set, base.digest("Batch", batch));
  return base.send("submitBatch", set.bytes, sigs, batch.nonce, batch.deadline, batch.fee, transfers);
}
