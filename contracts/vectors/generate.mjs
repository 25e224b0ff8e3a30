// Writes the known answers for every byte that the chain and the contracts share, one file for each thing, or, with
// `--check`, compares them with the files that are there. Everything is computed by ethers, by node's crypto and by
// encoding.mjs, nothing by the chain's own code. Keys are fixed and signatures deterministic (RFC 6979), so the files
// never change by themselves.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { calls, preimages } from "./calls.mjs";
import { constants, events, slots } from "./events.mjs";
import {
  addresses,
  admin,
  batches,
  checkpoints,
  keyProof,
  pauses,
  saltAndDomain,
  sets,
  signatureLists,
  thresholds,
  valsets,
} from "./signed.mjs";
import { bridgeVotes, chunks, extensions, statements } from "./statements.mjs";

const FILES = {
  addresses,
  admin,
  batches,
  calls,
  checkpoints,
  chunks,
  constants,
  events,
  extensions,
  keyProof,
  pauses,
  preimages,
  saltAndDomain,
  sets,
  signatureLists,
  slots,
  statements,
  thresholds,
  valsets,
  votes: bridgeVotes,
};

const place = (name) => new URL(`./${name}`, import.meta.url);
const fileName = (name) => name.replace(/[A-Z]/g, (letter) => "_" + letter.toLowerCase()) + ".json";
const written = new Map(
  Object.entries(FILES).map(([name, make]) => [fileName(name), JSON.stringify(make(), null, 1) + "\n"]),
);

if (process.argv.includes("--check")) {
  const there = readdirSync(place(".")).filter((name) => name.endsWith(".json"));
  const wrong = [...new Set([...there, ...written.keys()])].filter(
    (name) => !there.includes(name) || readFileSync(place(name), "utf8") !== written.get(name),
  );
  if (wrong.length > 0) {
    console.error(
      `not what generate.mjs writes: ${wrong.join(", ")}; run "npm run vectors" and look at the difference`,
    );
    process.exit(1);
  }
} else {
  for (const [name, text] of written) writeFileSync(place(name), text);
}
