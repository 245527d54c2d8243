// What is done to keys where they stand: a change with a way back, the last hours, the causes of failures, ways out.

import { barriers, expect, open, picture, test } from "./fixtures";
import { admin } from "./house.mjs";

test("a note, a weight and a name are changed where they stand, and taken back", async ({ page, lived: { house } }) => {
  await open(page, house, "/keys");
  await page.getByRole("button", { name: "spare, slow line", exact: true }).click();
  const drawer = page.getByRole("dialog");
  await drawer.getByRole("button", { name: "Note: Add a note, change" }).click();
  await drawer.getByLabel("Note").fill("only at night");
  await picture(page, "inline-edit");
  await page.keyboard.press("Enter");
  await expect(drawer.getByRole("button", { name: "Note: only at night, change" })).toBeVisible();
  expect(await barriers(page)).toEqual([]);
  await page.getByRole("button", { name: "Undo" }).last().click();
  await expect(drawer.getByRole("button", { name: "Note: Add a note, change" })).toBeVisible();

  // Escape gives up the change, and nothing else.
  await drawer.getByRole("button", { name: "Name: spare, slow line, change" }).click();
  await page.keyboard.type("!");
  await page.keyboard.press("Escape");
  await expect(drawer.getByRole("button", { name: "Name: spare, slow line, change" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(drawer).toHaveCount(0);

  const row = page.getByRole("row").filter({ hasText: "spare, slow line" });
  await row.getByRole("button", { name: "Weight: 1, change" }).click();
  await row.getByLabel("Weight").fill("3");
  await page.keyboard.press("Enter");
  await expect(row.getByRole("button", { name: "Weight: 3, change" })).toBeVisible();
  await row.getByRole("button", { name: "Weight: 3, change" }).click();
  await row.getByLabel("Weight").fill("many");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("status").filter({ hasText: "weight" })).toBeVisible();
  await expect(row.getByRole("button", { name: "Weight: 3, change" })).toBeVisible();
});

test("each key shows its last hours, and the drawer why it failed", async ({ page, lived: { house } }) => {
  await open(page, house, "/keys");
  await expect(page.getByRole("img", { name: /Last 24 hours: .* requests/ }).first()).toBeVisible();
  await picture(page, "keys-hours");
  await page.getByRole("button", { name: "free tier", exact: true }).click();
  const drawer = page.getByRole("dialog");
  await expect(drawer.getByRole("heading", { name: "Why it failed, last 24 hours" })).toBeVisible();
  await expect(drawer.getByText("rate limit reached · 429").first()).toBeVisible();
  await expect(drawer.getByText("Rate limit reached for requests per minute.").first()).toBeVisible();
});

test("ways out are in one place, with the address that the world sees", async ({ page, lived: { house } }) => {
  const api = admin(house.url);
  await api("PUT", "/api/config/egress_echo_url", { value: `${house.upstream}/ip` });
  await open(page, house, "/keys");
  await page.getByRole("button", { name: "Ways out" }).click();
  const drawer = page.getByRole("dialog");
  await expect(drawer.getByText("Direct, without a proxy")).toBeVisible();
  await drawer.getByRole("button", { name: "Test all" }).click();
  await expect(drawer.getByText("203.0.113.7")).toBeVisible();
  await expect(drawer.getByText(/\d+ keys at one address/)).toBeVisible();
  await picture(page, "ways-out");
  expect(await barriers(page)).toEqual([]);
});
