// A known answer for the typed data of a voucher, computed by ethers 6; its output stands in `rules/vouchers.rs`.
// Signatures are deterministic (RFC 6979), so that ours must be the same, byte for byte.
import { TypedDataEncoder, Wallet } from "ethers";

const wallet = new Wallet("0x" + "05".repeat(32));
const domain = { name: "DIEM", version: "1" };
const types = {
  Voucher: [
    { name: "chainId", type: "string" },
    { name: "genesisHash", type: "bytes32" },
    { name: "account", type: "address" },
    { name: "signer", type: "address" },
    { name: "provider", type: "address" },
    { name: "day", type: "uint64" },
    { name: "amount", type: "uint128" },
    { name: "requests", type: "uint64" },
    { name: "priceSheet", type: "bytes32" },
    { name: "usageRoot", type: "bytes32" },
  ],
};
const voucher = {
  chainId: "diem-test",
  genesisHash: "0x" + "07".repeat(32),
  account: wallet.address,
  signer: wallet.address,
  provider: "0x" + "0b".repeat(20),
  day: 20777n,
  amount: 2n ** 128n - 1n,
  requests: 2n ** 64n - 1n,
  priceSheet: "0x" + "01".repeat(32),
  usageRoot: "0x" + "02".repeat(32),
};
console.log(wallet.address);
console.log(TypedDataEncoder.hash(domain, types, voucher));
console.log(await wallet.signTypedData(domain, types, voucher));
