// What an operator brings along: a provider that is no preset, and the wish to see what was said.

import { expect, open, picture, test } from "./fixtures";
import { ADMIN_TOKEN, admin, openHouse } from "./house.mjs";

test("a provider of one's own is added, serves a call, whose words are kept and read, and goes again", async ({ page }) => {
  test.setTimeout(120_000);
  const house = await openHouse({ AMP_POOL_ADMIN_TOKEN: ADMIN_TOKEN });
  const api = admin(house.url);
  const dialog = page.getByRole("dialog");
  const panel = page.getByRole("region", { name: "Providers of your own" });
  try {
    await test.step("it is written down, and a mistake is told at its field", async () => {
      await open(page, house, "/models");
      await panel.getByRole("button", { name: "Add a provider" }).click();
      await dialog.getByLabel("Id").fill("cellar");
      await dialog.getByLabel("Name").fill("The machine in the cellar");
      await dialog.getByLabel("Base URL").fill("cellar without a scheme");
      await dialog.getByRole("button", { name: "Save" }).click();
      await expect(dialog.getByRole("alert")).toBeVisible();
      await dialog.getByLabel("Base URL").fill(house.upstream.replace(/\/v1$/, ""));
      await dialog.getByLabel("Models").fill("cellar-*");
      await picture(page, "own-provider");
      await dialog.getByRole("button", { name: "Save" }).click();
      await expect(panel.getByRole("row").filter({ hasText: "cellar" })).toContainText("Chat Completions");
    });

    const { token } = await api("POST", "/api/tokens", { name: "ci" });
    let id: string | null;

    await test.step("a key of it serves a call", async () => {
      await api("POST", "/api/keys", { name: "cellar 1", provider: "cellar", api_key: "sk-good-cellar-0123456789" });
      await api("PUT", "/api/config/bodies", { value: '{"of":"all"}' });
      const answer = await fetch(`${house.url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ model: "cellar-7b", messages: [{ role: "user", content: "what do you see down there?" }] }),
      });
      expect(await answer.text()).toContain("You said");
      id = answer.headers.get("x-request-id");
    });

    await test.step("what was said is shown to who asks, and that he asked is in the audit log", async () => {
      await page.goto(`${house.url}/requests?open=${id}`);
      await dialog.getByRole("button", { name: "Show it, if it is kept" }).click();
      await expect(dialog.getByRole("region", { name: "The client asked" })).toContainText("what do you see down there?");
      await expect(dialog.getByRole("region", { name: "The client got" })).toContainText("You said:");
      await picture(page, "own-bodies");
      const { items: deeds } = await api("GET", "/api/audit?limit=50");
      expect(JSON.stringify(deeds)).toContain("bodies");
    });

    await test.step("it gets another name, stays while a key belongs to it, and then goes", async () => {
      await page.goto(`${house.url}/models`);
      const row = panel.getByRole("row").filter({ hasText: "cellar" });
      await row.getByRole("button", { name: "Edit" }).click();
      await dialog.getByLabel("Name").fill("The machine upstairs");
      await dialog.getByRole("button", { name: "Save" }).click();
      await expect(row).toContainText("The machine upstairs");
      await row.getByRole("button", { name: "Delete" }).click();
      await dialog.getByRole("button", { name: "Delete" }).click();
      await expect(dialog.getByRole("alert")).toBeVisible();
      const { items: keys } = await api("GET", "/api/keys?limit=10");
      await api("DELETE", `/api/keys/${keys[0].id}`);
      await dialog.getByRole("button", { name: "Delete" }).click();
      await expect(panel).toContainText("None yet");
    });
  } finally {
    await house.close();
  }
});
