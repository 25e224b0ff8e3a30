import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** The file of a tool of Foundry for this machine, which npm puts into a package of its own. */
export const binary = (tool) =>
  require.resolve(`@foundry-rs/${tool}-${process.platform}-${process.arch === "x64" ? "amd64" : process.arch}/bin/${tool}`);
