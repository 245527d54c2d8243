// Everything without a mouse.

import { expect, open, test } from "./fixtures";

test("letters go to pages, a slash searches, a question mark tells which", async ({ page, lived }) => {
  await open(page, lived.house, "/");
  await page.keyboard.press("g");
  await page.keyboard.press("k");
  await expect(page).toHaveURL(/\/keys$/);
  await page.getByRole("table").waitFor();
  await page.keyboard.press("/");
  await expect(page.getByPlaceholder("Name, tag, hint, reason…")).toBeFocused();
  await page.keyboard.type("team");
  await expect(page).toHaveURL(/q=team/);
  await page.locator("h1").click();
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
});

test("letters that are typed into a field go nowhere", async ({ page, lived }) => {
  await open(page, lived.house, "/keys");
  await page.getByPlaceholder("Name, tag, hint, reason…").fill("");
  await page.getByPlaceholder("Name, tag, hint, reason…").pressSequentially("gt?");
  await expect(page).toHaveURL(/\/keys\?q=gt/);
  await expect(page.getByRole("dialog")).toHaveCount(0);
});

test("a drawer takes the focus and gives it back", async ({ page, lived }) => {
  await open(page, lived.house, "/keys");
  const name = page.getByRole("button", { name: "team A", exact: true });
  await name.focus();
  await page.keyboard.press("Enter");
  const drawer = page.getByRole("dialog", { name: "team A" });
  await expect(drawer).toBeVisible();
  expect(await drawer.evaluate((element) => element.contains(document.activeElement))).toBe(true);
  await page.keyboard.press("Escape");
  await expect(drawer).toHaveCount(0);
  await expect(name).toBeFocused();
});

test("the first tab leads past the menu", async ({ page, lived }) => {
  await open(page, lived.house, "/keys");
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to the content" })).toBeFocused();
});
