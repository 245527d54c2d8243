// Packs `dist/` into `amp-pool-server/ui/`: every file as `.br` and `.gz`, and a manifest.
//
// manifest.json: `sources` (see sources.mjs) and `files`, sorted by path, each with `path` (below `/`), `type` (its
// Content-Type), and `sha256` and `size` in bytes of the raw file. The same sources give the same raw files anywhere;
// the encoded bytes may differ between versions of Node.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { files, frontend, packed, sha256, sourceHash } from "./sources.mjs";

/** What a person on a slow line may be asked to wait for, in bytes as brotli. */
const PAGE_LIMIT = 250_000;

/** @type {Record<string, string>} */
const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
};

/** What the manifest says about the build in `dist`.
 * @param {string} dist */
export function manifest(dist) {
  const describe = (/** @type {string} */ path) => {
    const type = TYPES[extname(path)];
    if (!type) throw new Error(`no content type is known for ${path}; add one to tools/pack.mjs`);
    const raw = readFileSync(join(dist, path));
    return { path, type, sha256: sha256(raw), size: raw.length };
  };
  return { sources: sourceHash(), files: files(dist).map(describe) };
}

/** @param {Buffer} raw */
const brotli = (raw) =>
  brotliCompressSync(raw, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: raw.length },
  });

/** Both encodings of every file, by the name they are stored under.
 * @param {string} dist
 * @param {{path: string}[]} described */
function encode(dist, described) {
  return described.flatMap(({ path }) => {
    const raw = readFileSync(join(dist, path));
    return [
      { path: `${path}.br`, bytes: brotli(raw) },
      { path: `${path}.gz`, bytes: gzipSync(raw, { level: 9 }) },
    ];
  });
}

/** What a file asks for before it can run: what a page names, and what a script imports in its head. Lazy chunks are
 * asked for later, by a call.
 * @param {string} path @param {string} text */
function wants(path, text) {
  if (path.endsWith(".html")) return [...text.matchAll(/(?:src|href)="\/([^"]+)"/g)].map(([, name]) => name ?? "");
  if (!path.endsWith(".js")) return [];
  const imports = text.matchAll(/(?:\bfrom|\bimport)\s*["']\.\/([^"']+)["']/g);
  return [...imports].map(([, name]) => join(dirname(path), name ?? ""));
}

/** Everything that a browser fetches to show the door or the overview, by following imports.
 * @param {string} dist */
export function firstLoad(dist) {
  const found = new Set(["index.html"]);
  for (const path of found) for (const name of wants(path, readFileSync(join(dist, path), "utf8"))) found.add(name);
  return [...found].sort();
}

/** Its size in bytes as brotli.
 * @param {string} dist */
export const firstLoadSize = (dist) => firstLoad(dist).reduce((sum, path) => sum + brotli(readFileSync(join(dist, path))).length, 0);

/** Fails when the first page has become too large.
 * @param {string} dist */
export function checkFirstLoad(dist) {
  const size = firstLoadSize(dist);
  if (size > PAGE_LIMIT) throw new Error(`the first page is ${size} bytes as brotli, ${PAGE_LIMIT} are allowed`);
  return size;
}

/** @param {{path: string, bytes: Buffer | string}[]} contents */
function replacePacked(contents) {
  rmSync(packed, { recursive: true, force: true });
  for (const { path, bytes } of contents) {
    const target = join(packed, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, bytes);
  }
}

function pack() {
  const dist = join(frontend, "dist");
  const described = manifest(dist);
  const encoded = encode(dist, described.files);
  const page = checkFirstLoad(dist);
  replacePacked([...encoded, { path: "manifest.json", bytes: `${JSON.stringify(described, null, 2)}\n` }]);
  console.log(`packed the UI; its first page is ${page} bytes as brotli`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) pack();
