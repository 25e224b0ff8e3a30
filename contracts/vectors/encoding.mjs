// Both forms of a value that the chain reads: its borsh bytes and its JSON. A type is a pair of functions; those of
// structs and enums are made of the types of their fields, in the order of the bytes.
//
// Written from the specification of borsh (https://borsh.io), independently of the chain's own code.
import { concat, getAddress, getBytes, hexlify } from "ethers";

/** An unsigned integer of so many bytes, little-endian. */
const integer = (width) => (value) => {
  let rest = BigInt(value);
  const bytes = new Uint8Array(width);
  for (let i = 0; i < width; i++, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  if (rest !== 0n) throw new RangeError(`${value} does not fit ${width} bytes`);
  return hexlify(bytes);
};

/** Exactly so many bytes. */
const fixed = (width) => (hex) => {
  if (getBytes(hex).length !== width) throw new RangeError(`${hex} is not of ${width} bytes`);
  return hex;
};

const plainHex = (hex) => hex.slice(2);
const length = (list) => integer(4)(list.length);

export const u8 = { borsh: integer(1), json: Number };
export const u16 = { borsh: integer(2), json: Number };
export const u32 = { borsh: integer(4), json: Number };
/** A number that stands in JSON as a string, because a reader may round it. */
export const u64 = { borsh: integer(8), json: String };
/** A number of a parameter, which stands in JSON as it is. */
export const u64Plain = { borsh: integer(8), json: Number };
export const amount = { borsh: integer(16), json: String };
export const bool = { borsh: (value) => (value ? "0x01" : "0x00"), json: (value) => value };
export const word = { borsh: fixed(32), json: plainHex };
export const signature = { borsh: fixed(64), json: plainHex };
export const address = { borsh: fixed(20), json: getAddress };
export const bytes = { borsh: (hex) => concat([length(getBytes(hex)), hex]), json: plainHex };

export const vec = (type) => ({
  borsh: (list) => concat([length(list), ...list.map(type.borsh)]),
  json: (list) => list.map(type.json),
});

export const option = (type) => ({
  borsh: (value) => (value === null ? "0x00" : concat(["0x01", type.borsh(value)])),
  json: (value) => (value === null ? null : type.json(value)),
});

export const struct = (fields) => ({
  borsh: (value) => concat(Object.entries(fields).map(([name, type]) => type.borsh(value[name]))),
  json: (value) => Object.fromEntries(Object.entries(fields).map(([name, type]) => [name, type.json(value[name])])),
});

/** An enum without fields: a byte, and a name in JSON. */
export const names = (numbers) => ({ borsh: (name) => u8.borsh(numbers[name]), json: (name) => name });

/** An enum: a byte, then the variant's fields; in JSON the field `type` names it. A variant is [number, struct]. */
export const variants = (all) => ({
  borsh: ({ type, ...fields }) => concat([u8.borsh(all[type][0]), all[type][1].borsh(fields)]),
  json: ({ type, ...fields }) => ({ type, ...all[type][1].json(fields) }),
});
