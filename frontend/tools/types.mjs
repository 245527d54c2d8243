// Makes `src/services/openapi.ts`: the types of everything that the server's API takes and gives, of its own document.
// With `--check`, only says whether the file is what the document gives.
//
// The generator has a folder of its own, `tools/openapi`, because it needs a TypeScript that is written in JavaScript.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { frontend } from "./sources.mjs";

const document = join(frontend, "..", "amp-pool-server", "openapi.json");
const target = join(frontend, "src", "services", "openapi.ts");
const generator = join(frontend, "tools", "openapi", "node_modules", "openapi-typescript", "bin", "cli.js");

const made = execFileSync(process.execPath, [generator, document, "--default-non-nullable=false"], { encoding: "utf8", maxBuffer: 64 << 20 });

if (!process.argv.includes("--check")) writeFileSync(target, made);
else if (readFileSync(target, "utf8") !== made) {
  console.error("src/services/openapi.ts is not what openapi.json gives: run `make types` and commit it");
  process.exitCode = 1;
}
