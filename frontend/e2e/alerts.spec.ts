// Alerts as people set them up: a channel and its test, the usual rules, and what is told when something is wrong.

import { barriers, expect, open, picture, test } from "./fixtures";

test("a channel is tested, the usual rules find what is wrong, and somebody is told", async ({ page, lived: { house } }) => {
  await open(page, house, "/alerts");
  await page.getByRole("button", { name: "Add a channel" }).click();
  const drawer = page.getByRole("dialog");
  await drawer.getByLabel("Service").selectOption("Webhook");
  await drawer.getByLabel("Name").fill("ops room");
  await drawer.getByLabel("Address (URL)").fill("not an address");
  await drawer.getByRole("button", { name: "Save" }).click();
  await expect(drawer.getByRole("alert")).toContainText("secrets.url");
  await drawer.getByLabel("Address (URL)").fill(`${house.upstream}/hook`);
  await picture(page, "alerts-channel");
  expect(await barriers(page)).toEqual([]);
  await drawer.getByRole("button", { name: "Save" }).click();
  await page.getByRole("button", { name: "Send a test: ops room" }).click();
  await expect(page.getByText("ops room: the test was sent.")).toBeVisible();
  expect(house.told().length).toBeGreaterThan(0);

  await page.getByRole("button", { name: "Add the usual rules" }).click();
  const rules = page.getByRole("table", { name: "When to tell" });
  await expect(rules.getByRole("row").filter({ hasText: "Budget nearly used, 90 %" })).toContainText("Warning");
  const row = rules.getByRole("row").filter({ hasText: "A key is out" }).first();
  await row.getByRole("button", { name: "Edit" }).click();
  await drawer.getByLabel("For so many minutes").fill("0");
  await drawer.getByLabel("Quiet hours").click();
  await drawer.getByLabel("From").fill("03:00");
  await drawer.getByLabel("To", { exact: true }).fill("03:01");
  await picture(page, "alerts-rule");
  expect(await barriers(page)).toEqual([]);
  await drawer.getByRole("button", { name: "Save" }).click();
  await expect(row).toContainText("quiet from 03:00 to 03:01");
  await expect(row).toContainText("tells ops room");

  // The key whose account has no money.
  const now = page.getByRole("region", { name: "What is wrong now" });
  await expect(now.getByText("old account").first()).toBeVisible({ timeout: 30_000 });
  await expect(page.getByRole("region", { name: "What happened" }).getByText("began").first()).toBeVisible({ timeout: 30_000 });
  await expect(page.getByRole("region", { name: "Deliveries" }).getByText("delivered").first()).toBeVisible({ timeout: 30_000 });
  await picture(page, "alerts-firing");
  expect(await barriers(page)).toEqual([]);

  await row.getByRole("button", { name: "Switch off" }).click();
  await expect(row).toContainText("off");
});
