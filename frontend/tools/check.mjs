// Compares the build in the folder given as argument with the committed manifest.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkFirstLoad, manifest } from "./pack.mjs";
import { packed } from "./sources.mjs";

const dist = process.argv[2];
if (!dist) throw new Error("usage: node tools/check.mjs FOLDER");

checkFirstLoad(dist);

const line = (/** @type {{path: string, sha256: string}} */ file) => `${file.path} ${file.sha256}`;
const built = manifest(dist);
const committed = JSON.parse(readFileSync(join(packed, "manifest.json"), "utf8"));
const wanted = new Set(built.files.map(line));
const found = new Set(committed.files.map(line));

const differences = [
  ...[...wanted].filter((file) => !found.has(file)).map((file) => `not committed: ${file}`),
  ...[...found].filter((file) => !wanted.has(/** @type {string} */ (file))).map((file) => `not built: ${file}`),
  ...(built.sources === committed.sources ? [] : [`sources are ${built.sources}, recorded ${committed.sources}`]),
];

for (const difference of differences) console.error(difference);
if (differences.length) {
  console.error("the committed UI is not what its sources give: run `make ui` and commit amp-pool-server/ui");
  process.exitCode = 1;
}
