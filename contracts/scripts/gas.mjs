// Measures gas in the receipts of a local Base (anvil with the rules of an OP chain) and writes gas.md.
import { writeFileSync } from "node:fs";
import { DIEM, deployBridge, makeSet, startBase, submitBatch, updateSet } from "./chain.mjs";

const VALIDATORS = [4, 20, 50, 100, 150];
const TRANSFERS = [1, 10, 50, 100];
/** What a transfer may cost in a batch of 50 for new recipients with 100 validators. */
const LIMIT = 37_000;

const { provider, stop } = await startBase();
try {
  const rows = [];
  for (const size of VALIDATORS) {
    const first = makeSet("first", size);
    const second = makeSet("second", size);
    const base = await deployBridge(provider, first);
    const rotation = await updateSet(base, first, 1, second);
    // The first batch opens the word of the bitmap and the relayer's balance; every later one is like the second.
    await submitBatch(base, second, 1, 1);
    const batches = [];
    for (const [i, count] of TRANSFERS.entries()) batches.push((await submitBatch(base, second, 2 + i, count)).gasUsed);
    const burn = await base.send("burn", DIEM / 100n, base.sender.address);
    rows.push({ size, batches, rotation: rotation.gasUsed, burn: burn.gasUsed, deployment: base.deployment.gasUsed });
  }

  const figure = (gas) => gas.toLocaleString("en-US");
  const each = rows.find((row) => row.size === 100).batches[TRANSFERS.indexOf(50)] / 50n;
  const text = `# Gas

Written by \`npm run gas\`: receipts of anvil with the rules of an OP chain. Powers are equal, the signatures are the fewest
above two thirds, no recipient had nDIEM before. The data fee of Ethereum comes on top.

With 100 validators a transfer in a batch of 50 costs **${figure(each)}**; more than ${figure(LIMIT)} fails the script.
Deployment costs ${figure(rows[0].deployment)} and a burn ${figure(rows[0].burn)}.

| validators | ${TRANSFERS.map((n) => (n === 1 ? "batch of 1" : `of ${n}`)).join(" | ")} | rotation |
|---|${"---|".repeat(TRANSFERS.length + 1)}
${rows.map((row) => `| ${[row.size, ...[...row.batches, row.rotation].map(figure)].join(" | ")} |`).join("\n")}
`;
  writeFileSync(new URL("../gas.md", import.meta.url), text);
  console.log(text);
  if (each > LIMIT) throw new Error(`a transfer costs ${each} gas, more than ${LIMIT}`);
} finally {
  stop();
}
