// Every page in both languages and appearances, wide and narrow: no barrier, nothing wider than the screen, and a picture.

import { barriers, expect, open, picture, test } from "./fixtures";

const PAGES = [
  ["overview", "/"],
  ["keys", "/keys"],
  ["key", "/keys?open=5"],
  ["tokens", "/tokens"],
  ["models", "/models?explain=fast"],
  ["rules", "/rules"],
  ["requests", "/requests"],
  ["statistics", "/statistics?span=24h&show=requests"],
  ["playground", "/playground"],
  ["alerts", "/alerts"],
  ["settings", "/settings"],
  ["audit", "/audit"],
] as const;

/** Numbers come in after the page has its shape. */
const SETTLE_MS = 400;

const READERS = [
  { name: "wide", viewport: { width: 1280, height: 860 }, language: "en", look: "light" },
  { name: "phone", viewport: { width: 390, height: 844 }, language: "zh", look: "dark" },
] as const;

for (const { name: size, viewport, language, look } of READERS) {
  for (const [name, path] of PAGES) {
    test(`${name}, ${size}, ${language}, ${look}: no barriers, nothing beyond the edge`, async ({ page, lived }) => {
      await page.setViewportSize(viewport);
      await open(page, lived.house, path, { language, look });
      // The network is never idle where the page hears of calls by a stream.
      await expect(page.locator(".waiting")).toHaveCount(0);
      await page.waitForTimeout(SETTLE_MS);
      await picture(page, `${name}-${size}-${language}-${look}`);
      expect(await barriers(page)).toEqual([]);
      const beyond = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      expect(beyond).toBeLessThanOrEqual(0);
    });
  }
}

const DIALOGS = [
  ["add-key", "/keys", "Add a key"],
  ["paste-keys", "/keys", "Paste many"],
  ["make-token", "/tokens", "Make a token"],
  ["connect", "/tokens", "Connect a client"],
  ["add-route", "/models", "Add a route"],
  ["price", "/models", "Price gpt-5-mini"],
  ["price-list", "/models", "Update from a list"],
  ["re-rate", "/models", "Rate calls again"],
  ["add-channel", "/alerts", "Add a channel"],
  ["add-rule", "/alerts", "Add a rule"],
  ["ways-out", "/keys", "Ways out"],
] as const;

for (const [name, path, button] of DIALOGS) {
  test(`the dialog “${button}” has no barriers and closes on Escape`, async ({ page, lived }) => {
    await open(page, lived.house, path);
    await page.getByRole("button", { name: button }).first().click();
    await expect(page.getByRole("dialog")).toBeVisible();
    await picture(page, `dialog-${name}`);
    expect(await barriers(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await expect(page.getByRole("dialog")).toHaveCount(0);
  });
}

test("the door has no barriers in either appearance", async ({ page, lived }) => {
  for (const look of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme: look });
    await page.goto(lived.house.url);
    await page.locator("h1").waitFor();
    await picture(page, `door-${look}`);
    expect(await barriers(page)).toEqual([]);
  }
});

test("what axe is asked to find, it finds", async ({ page, lived }) => {
  await open(page, lived.house, "/");
  await page.evaluate(() => document.querySelector("main")?.append(document.createElement("button")));
  expect((await barriers(page)).join()).toContain("button-name");
});
