// What the tests share: a house of their own, pages that are signed in, pictures for people, and what axe finds.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Page, test as base, expect } from "@playwright/test";
import { ADMIN_TOKEN, type House, openHouse } from "./house.mjs";
import { seed } from "./seed.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** A house with some life in it, and a client's token for it. One for all tests of a worker. */
export interface Lived {
  house: House;
  token: string;
}

export const test = base.extend<{ complaints: string[] }, { lived: Lived }>({
  lived: [
    // oxlint-disable-next-line no-empty-pattern -- Playwright reads what a fixture needs from this pattern
    async ({}, use) => {
      const house = await openHouse({ AMP_POOL_ADMIN_TOKEN: ADMIN_TOKEN });
      try {
        await use({ house, token: await seed(house, 24) });
      } finally {
        await house.close();
      }
    },
    { scope: "worker", timeout: 90_000 },
  ],
  // Whatever a page complains of in its console, for every test.
  complaints: [
    async ({ page }, use) => {
      const heard: string[] = [];
      page.on("pageerror", (error) => heard.push(String(error)));
      page.on("console", (message) => {
        // What the server refuses is told by the page, and the browser's own line about it is no complaint.
        if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) heard.push(message.text());
      });
      await use(heard);
      expect(heard).toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

export interface Reader {
  language?: "en" | "zh";
  look?: "light" | "dark";
}

/** Opens `path` as somebody who holds the admin token. */
export async function open(page: Page, house: House, path: string, { language = "en", look = "light" }: Reader = {}) {
  await page.addInitScript(
    ([token, language, look]) => {
      sessionStorage.setItem("amp-pool.admin-token", token);
      localStorage.setItem("amp-pool.language", language);
      localStorage.setItem("amp-pool.look", look);
    },
    [ADMIN_TOKEN, language, look] as const,
  );
  await page.goto(house.url + path);
  await page.locator("h1").waitFor();
}

/** Keeps a picture of the page for people to look at. */
export const picture = (page: Page, name: string) => page.screenshot({ path: `.e2e/shots/${name}.png`, animations: "disabled" });

/** What axe takes for serious or critical. Its script comes by the debugger, which no policy of the page stops. */
export async function barriers(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run: (root: Document) => Promise<{ violations: Violation[] }> } };
    interface Violation {
      id: string;
      impact: string;
      help: string;
      nodes: { html: string }[];
    }
    const { violations } = await axe.run(document);
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.slice(0, 4).map(({ html }) => `    ${html.slice(0, 200)}`).join("\n")}`);
  });
}
