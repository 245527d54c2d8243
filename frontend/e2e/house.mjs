// The real server over a data directory of its own, and the scripted upstream behind it.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { startUpstream } from "./upstream.mjs";

const PATIENCE_MS = 30_000;
const built = fileURLToPath(new URL("../../target/debug/amp-pool-server", import.meta.url));

export const ADMIN_TOKEN = "e2e-admin-0123456789abcdef0123456789abcdef";

/** @typedef {{ url: string, upstream: string, told: () => any[], log: () => string, close: () => Promise<void> }} House */

/** Starts both. `settings` are environment variables of the server.
 * @param {Record<string, string>} [settings]
 * @returns {Promise<House>} */
export async function openHouse(settings = {}) {
  const upstream = await startUpstream();
  const folder = mkdtempSync(join(tmpdir(), "amp-pool-e2e-"));
  const child = spawn(process.env["AMP_POOL_SERVER"] ?? built, [], {
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe"],
    env: {
      PORT: "0",
      DATA_DIR: join(folder, "data"),
      AMP_POOL_BALANCE_REFRESH_SECONDS: "0",
      AMP_POOL_DURABILITY: "normal",
      AMP_POOL_ALERT_SECONDS: "1",
      ...settings,
    },
  });
  let log = "";
  const ended = new Promise((done) => child.once("close", done));
  const url = await new Promise((found, lost) => {
    createInterface({ input: child.stderr }).on("line", (line) => {
      log += `${line}\n`;
      const [, address] = /listening.*address=(\S+)/.exec(line) ?? [];
      if (address) found(`http://${address}`);
    });
    child.once("error", lost);
    child.once("close", () => lost(new Error(`the server did not start:\n${log}`)));
    setTimeout(() => lost(new Error(`the server is late:\n${log}`)), PATIENCE_MS).unref();
  });

  const front = process.env["AMP_POOL_UI"] ? await serveBuild(String(url)) : undefined;

  async function close() {
    child.kill("SIGKILL");
    await ended;
    await front?.close();
    upstream.close();
    rmSync(folder, { recursive: true, force: true });
  }
  return { url: front?.url ?? String(url), upstream: upstream.url, told: upstream.told, log: () => log, close };
}

/** Puts the build in `dist` before the server, to try a change of the UI without building the server anew.
 * @param {string} server */
async function serveBuild(server) {
  const { preview } = await import("vite");
  const proxy = Object.fromEntries(["/api", "/v1", "/health", "/ready"].map((path) => [path, server]));
  const front = await preview({ logLevel: "error", preview: { host: "127.0.0.1", port: 0, proxy } });
  const address = front.httpServer.address();
  if (!address || typeof address === "string") throw new Error("the preview has no port");
  return { url: `http://127.0.0.1:${address.port}`, close: () => front.close() };
}

/** Speaks with the admin API as automation does.
 * @param {string} url @param {string} [token] */
export function admin(url, token = ADMIN_TOKEN) {
  return async (/** @type {string} */ method, /** @type {string} */ path, /** @type {unknown} */ body = undefined) => {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.status === 204 ? undefined : response.json();
  };
}
