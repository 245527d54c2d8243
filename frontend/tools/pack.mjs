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

/** What a browser fetches to show the first page: the document and all it names. Lazy chunks are not named.
 * @param {string} html
 * @param {{path: string, bytes: Buffer}[]} encoded */
function pageSize(html, encoded) {
  const named = [...html.matchAll(/(?:src|href)="\/([^"]+)"/g)].map((match) => `${match[1]}.br`);
  const page = new Set(["index.html.br", ...named]);
  return encoded.filter(({ path }) => page.has(path)).reduce((sum, { bytes }) => sum + bytes.length, 0);
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
  const page = pageSize(readFileSync(join(dist, "index.html"), "utf8"), encoded);
  if (page > PAGE_LIMIT) throw new Error(`the first page is ${page} bytes as brotli, ${PAGE_LIMIT} are allowed`);
  replacePacked([...encoded, { path: "manifest.json", bytes: `${JSON.stringify(described, null, 2)}\n` }]);
  console.log(`packed the UI; its first page is ${page} bytes as brotli`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) pack();
