// The log as people read it: the chain of keys in one line, values that narrow and leave out, views to come back to.

import { barriers, expect, open, picture, test } from "./fixtures";
import { admin } from "./house.mjs";

test("a call that went on to another key tells its chain in one line", async ({ page, lived: { house, token } }) => {
  const api = admin(house.url);
  const { items } = await api("GET", "/api/keys");
  await api("POST", `/api/keys/${items.find(({ name }: { name: string }) => name === "free tier").id}/reset`);
  const answer = await fetch(`${house.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "gpt-chain", messages: [{ role: "user", content: "hello" }] }),
  });
  expect(answer.status).toBe(200);
  await open(page, house, "/requests?model=gpt-chain");
  const row = page.locator("[data-row]").first();
  await expect(row).toContainText("free tier 429 → ");
  await expect(row).toContainText(/\+[\d.]+ ?m?s/);
  await picture(page, "log-chain");

  await row.getByRole("link").click();
  await expect(page.getByRole("dialog").getByText("Judged by a rule for all providers: rate_limit_exceeded")).toBeVisible();
  await picture(page, "log-judged");
});

test("a value narrows the log, or is left out of it, by mouse and in the details of a call", async ({ page, lived: { house } }) => {
  await open(page, house, "/requests");
  const rows = page.locator("[data-row]");
  await rows.getByRole("button", { name: "gpt-4.1" }).first().click({ modifiers: ["Alt"] });
  await expect(page).toHaveURL(/not_model=gpt-4\.1/);
  await expect(rows.getByRole("button", { name: "gpt-4.1" })).toHaveCount(0);
  await expect(rows.getByRole("button", { name: "gpt-5-mini" }).first()).toBeVisible();

  await rows.first().getByRole("link").click();
  const drawer = page.getByRole("dialog");
  await drawer.getByRole("button", { name: /^All calls but those with (gpt|claude|fast)/ }).first().click();
  expect(await barriers(page)).toEqual([]);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: /^not / })).toHaveCount(2);
  await page.getByRole("button", { name: "not gpt-4.1" }).click();
  await expect(page.getByRole("button", { name: /^not / })).toHaveCount(1);
});

test("a view is saved by name, found again after a reload, and forgotten with a way back", async ({ page, lived: { house } }) => {
  await open(page, house, "/requests?status=error&span=7d");
  await page.getByRole("button", { name: "Save this view" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("failures of the week");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await page.goto(`${house.url}/requests`);
  await page.getByLabel("Saved views").selectOption("failures of the week");
  await expect(page).toHaveURL(/status=error/);
  await expect(page).toHaveURL(/span=7d/);
  await page.getByRole("button", { name: "Forget this view" }).click();
  await expect(page.getByLabel("Saved views")).toHaveCount(0);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(page.getByLabel("Saved views")).toHaveValue("failures of the week");
});

test("settings of the server say where they come from, and no secret", async ({ page, lived: { house } }) => {
  await open(page, house, "/settings");
  const table = page.getByRole("table", { name: "Settings of the server" });
  const row = table.getByRole("row").filter({ hasText: "AMP_POOL_DURABILITY" });
  await expect(row).toContainText("normal");
  await expect(row).toContainText("full");
  await expect(row).toContainText("environment");
  await expect(table.getByRole("row").filter({ hasText: "AMP_POOL_ADMIN_TOKEN" })).toContainText("set, not shown");
  await expect(table).not.toContainText("LOG_FORMAT");
  await page.getByRole("group", { name: "Settings of the server" }).getByRole("button", { name: /^All/ }).click();
  await expect(table).toContainText("LOG_FORMAT");
  await picture(page, "settings-origins");
});
