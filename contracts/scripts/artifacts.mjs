// Writes artifacts/*.json, which the node is compiled with, so that it needs no Solidity compiler. With --check compares
// them with a build instead.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { binary } from "./binary.mjs";

const check = process.argv.includes("--check");
const out = new URL("../out/", import.meta.url);
const target = new URL("../artifacts/", import.meta.url);
const read = (url) => JSON.parse(readFileSync(url));

/** A build of some files numbers the syntax tree anew, so only a build of all of them is the same everywhere. */
const build = (...options) => execFileSync(binary("forge"), ["build", ...options], { stdio: ["ignore", "ignore", "inherit"] });

/** Every declared variable by the number that the compiler gives it. */
function variables() {
  const names = new Map();
  const visit = (node) => {
    if (node === null || typeof node !== "object") return;
    if (node.nodeType === "VariableDeclaration") names.set(String(node.id), node);
    Object.values(node).forEach(visit);
  };
  for (const folder of readdirSync(out).filter((name) => name.endsWith(".sol"))) {
    for (const file of readdirSync(new URL(`${folder}/`, out))) visit(read(new URL(`${folder}/${file}`, out)).ast);
  }
  return names;
}

/** Types of the layout without the compiler's numbers, which change with every file. */
const plain = (type) => type.replace(/\)\d+_storage/g, ")").replace(/\(([A-Za-z]+)\)\d+/g, "($1)");

function layout({ storage, types }) {
  const bytes = (type) => Number(types[type].numberOfBytes);
  const field = ({ label, slot, offset, type }) => ({ label, slot: Number(slot), offset, bytes: bytes(type), type: plain(type) });
  const structs = Object.entries(types).filter(([, type]) => type.members);
  return {
    storage: storage.map(field),
    structs: Object.fromEntries(structs.map(([name, type]) => [plain(name), type.members.map(field)])),
  };
}

function artifact(name, names) {
  const { abi, bytecode, deployedBytecode, storageLayout, metadata } = read(new URL(`${name}.sol/${name}.json`, out));
  const immutables = Object.entries(deployedBytecode.immutableReferences ?? {})
    .map(([id, places]) => ({
      name: names.get(id).name,
      type: names.get(id).typeDescriptions.typeString,
      offsets: places.map(({ start }) => start).sort((a, b) => a - b),
    }))
    .sort((a, b) => a.offsets[0] - b.offsets[0]);
  return {
    compiler: metadata.compiler.version,
    bytecode: bytecode.object,
    deployedBytecode: deployedBytecode.object,
    immutables,
    layout: layout(storageLayout),
    abi,
  };
}

/** One line for each entry of a list, so that a change shows where it is. */
function render({ abi, immutables, layout: { storage, structs }, ...rest }) {
  const lines = (list) => `[\n${list.map((entry) => `    ${JSON.stringify(entry)}`).join(",\n")}\n  ]`;
  const fields = [
    ...Object.entries(rest).map(([name, value]) => [name, JSON.stringify(value)]),
    ["immutables", lines(immutables)],
    ["storage", lines(storage)],
    ["structs", JSON.stringify(structs)],
    ["abi", lines(abi)],
  ];
  return `{\n${fields.map(([name, text]) => `  ${JSON.stringify(name)}: ${text}`).join(",\n")}\n}\n`;
}

const renderAll = () => {
  const names = variables();
  return ["DiemBridge", "DiemToken"].map((name) => [new URL(`${name}.json`, target), render(artifact(name, names))]);
};
const differs = ([file, text]) => {
  try {
    return readFileSync(file, "utf8") !== text;
  } catch {
    return true;
  }
};

if (check) {
  build();
  if (renderAll().some(differs)) {
    build("--force");
    if (renderAll().some(differs)) throw new Error("artifacts/ is not what src/ compiles to: npm run artifacts");
  }
} else {
  build("--force");
  mkdirSync(target, { recursive: true });
  for (const [file, text] of renderAll()) writeFileSync(file, text);
}
