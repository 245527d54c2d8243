// What strangers say can do nothing: not in the log, not in the reason of a key, not in the playground.

import { expect, open, test } from "./fixtures";

const EVIL = `<img src=x onerror="window.struck=1"><script>window.struck=1</script>`;

test("markup in what is called and answered stays text", async ({ page, lived: { house, token } }) => {
  await fetch(`${house.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ model: EVIL, messages: [{ role: "user", content: EVIL }] }),
  });
  for (const path of ["/requests", "/keys", "/statistics", `/models?explain=${encodeURIComponent(EVIL)}`]) {
    await open(page, house, path);
    await expect(page.locator(".waiting")).toHaveCount(0);
    expect(await page.evaluate(() => "struck" in window), path).toBe(false);
    expect(await page.locator("img[src=x]").count(), path).toBe(0);
  }
});

test("an answer with markup stays text in the playground", async ({ page, lived: { house } }) => {
  await open(page, house, "/playground?model=gpt-5-mini");
  await page.getByLabel("Message").fill(EVIL);
  await page.getByRole("button", { name: "Send" }).click();
  await expect(page.getByText("answered by")).toBeVisible();
  await expect(page.locator(".turn-assistant .turn-text")).toContainText("<script>");
  expect(await page.evaluate(() => "struck" in window)).toBe(false);
});

test("the page allows no script but its own files", async ({ page, lived: { house }, complaints }) => {
  const answer = await page.goto(house.url);
  const policy = answer?.headers()["content-security-policy"] ?? "";
  expect(policy).toContain("script-src 'self';");
  expect(await page.locator("script:not([src])").count()).toBe(0);
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.struck = 1";
    document.head.append(script);
  }).catch(() => {});
  expect(await page.evaluate(() => "struck" in window)).toBe(false);
  expect(complaints.splice(0).join()).toContain("Executing inline script violates");
});
