// The hash of the UI's sources: how the repository knows that the packed UI was made from them.
//
// sha256 over one line `path NUL sha256(content) LF` per file of `frontend/`, sorted by path, where the path is relative
// to `frontend/` with `/`, and both hashes are lower-case hex. Left out are `node_modules`, `dist`, every name that begins
// with a dot, and what only tests read. `amp-pool-server/tests/ui_hash.rs` computes the same without Node.

import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder `frontend/`. */
export const frontend = fileURLToPath(new URL("..", import.meta.url));

/** The folder of the packed UI, inside the crate that embeds it. */
export const packed = join(frontend, "..", "amp-pool-server", "ui");

/** @param {string | Buffer} content */
export const sha256 = (content) => createHash("sha256").update(content).digest("hex");

/** Every file below `folder`, as sorted paths with `/`.
 * @param {string} folder
 * @param {(name: string) => boolean} [skips] */
export function files(folder, skips = () => false) {
  /** @type {(below: string) => string[]} */
  const walk = (below) =>
    readdirSync(join(folder, below), { withFileTypes: true })
      .filter((entry) => !skips(entry.name))
      .flatMap((entry) => (entry.isDirectory() ? walk(`${below}${entry.name}/`) : [`${below}${entry.name}`]));
  return walk("").sort();
}

const notSources = new Set(["node_modules", "dist", "e2e", "playwright.config.ts"]);

const isNoSource = (/** @type {string} */ name) => notSources.has(name) || name.startsWith(".") || name.includes(".test.");

export function sourceHash() {
  const lines = files(frontend, isNoSource).map((path) => `${path}\0${sha256(readFileSync(join(frontend, path)))}\n`);
  return sha256(lines.join(""));
}
