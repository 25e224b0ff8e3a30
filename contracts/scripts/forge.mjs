// Runs Forge and ends with its exit code. The launcher that npm installs ends with 0 even if a test fails.
import { spawnSync } from "node:child_process";
import { binary } from "./binary.mjs";

const { status } = spawnSync(binary("forge"), process.argv.slice(2), { stdio: "inherit" });
process.exit(status ?? 1);
