// From the first start to the first trouble, as a person goes: the setup link, keys, a token, calls, why, and an alert.

import { expect, picture, test } from "./fixtures";
import { type House, openHouse } from "./house.mjs";

const PASSWORD = "a sentence is easier to keep";

/** The link that the server prints while there is no admin. */
async function setupLink(house: House): Promise<string> {
  const path = () => /http:\/\/[^/]+(\/setup#\S+)/.exec(house.log())?.[1] ?? "";
  await expect.poll(path).not.toBe("");
  return house.url + path();
}

async function call(house: House, token: string, model = "gpt-5-mini") {
  const response = await fetch(`${house.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ model, max_tokens: 50, messages: [{ role: "user", content: "hello from outside" }] }),
  });
  return { status: response.status, id: response.headers.get("x-request-id"), body: await response.text() };
}

test("from the first start to a key that fails, and why, and to an alert", async ({ page }) => {
  test.setTimeout(180_000);
  const house = await openHouse();
  try {
    await test.step("the printed link makes the first admin", async () => {
      await page.goto(await setupLink(house));
      await page.getByLabel("Name").fill("ana");
      await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
      await page.getByLabel("Password again").fill(PASSWORD);
      await picture(page, "journey-1-setup");
      await page.getByRole("button", { name: "Create the admin" }).click();
      await expect(page.getByRole("heading", { name: "Three steps to the first answer" })).toBeVisible();
      await picture(page, "journey-2-empty");
    });

    await test.step("keys are pasted in a mess, and each line has its verdict", async () => {
      await page.getByRole("link", { name: "Add a key" }).click();
      await page.getByRole("button", { name: "Paste many" }).first().click();
      const good = `sk-good-${"a".repeat(20)}1`;
      const lines = [`team-a ${good} ${house.upstream}`, `old-one sk-broke-${"b".repeat(20)}2 ${house.upstream}`, good, "no key here"];
      await page.getByLabel("Keys", { exact: true }).fill(lines.join("\n"));
      await expect(page.getByText("2 of 4 will be added")).toBeVisible();
      await expect(page.getByText("twice in this paste")).toBeVisible();
      await picture(page, "journey-3-paste");
      await page.getByRole("button", { name: "Add 2 keys" }).click();
      await expect(page.getByText("2 added, 0 were here already, 0 refused")).toBeVisible();
      await page.getByRole("dialog").getByRole("button", { name: "Close" }).last().click();
      await expect(page.getByRole("button", { name: "team-a" })).toBeVisible();
    });

    let token = "";
    await test.step("a token is made and shown once", async () => {
      await page.getByRole("link", { name: "Tokens" }).click();
      await page.getByRole("button", { name: "Make a token" }).first().click();
      await page.getByRole("dialog").getByLabel("Name").fill("ci");
      await page.getByRole("dialog").getByRole("button", { name: "Make a token" }).click();
      token = (await page.getByTestId("secret").textContent()) ?? "";
      expect(token).toMatch(/^amp-/);
      await expect(page.getByRole("region", { name: "curl" })).toContainText(house.url);
      await picture(page, "journey-4-token");
      await page.getByRole("button", { name: "I have kept it" }).click();
      await expect(page.locator("body")).not.toContainText(token);
    });

    await test.step("a call is seen in the log as it comes, with who answered and why", async () => {
      await page.getByRole("link", { name: "Requests" }).click();
      await expect(page.getByText("No calls yet")).toBeVisible();
      const answers = [await call(house, token), await call(house, token), await call(house, token)];
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
      const first = page.locator("[data-row]").first();
      await expect(first).toContainText("gpt-5-mini");
      await expect(first).toContainText("team-a");
      await picture(page, "journey-5-log");
      await page.goto(`${house.url}/requests?open=${answers[0]?.id}`);
      const drawer = page.getByRole("dialog");
      await expect(drawer.getByText("Attempt 1")).toBeVisible();
      await expect(drawer.getByText("answered · 200")).toBeVisible();
      await picture(page, "journey-6-call");
      await page.keyboard.press("Escape");
    });

    await test.step("a key that fails says so in words, and a person can pause it", async () => {
      await page.getByRole("button", { name: "Close" }).click({ timeout: 500 }).catch(() => {});
      await page.goto(`${house.url}/keys?state=trouble`);
      const row = page.getByRole("row").filter({ hasText: "old-one" });
      await expect(row).toContainText("Out of credit");
      await expect(row).toContainText("no credit left");
      await expect(row).toContainText("You exceeded your current quota");
      await row.getByRole("button", { name: "old-one" }).click();
      await expect(page.getByRole("dialog").getByText("Its account has no money.")).toBeVisible();
      await picture(page, "journey-7-why");
      await page.getByRole("button", { name: "Pause" }).click();
      await expect(page.getByRole("dialog").getByText("A person paused it.")).toBeVisible();
    });

    await test.step("a budget that does not cover a call refuses it, and says so", async () => {
      await page.goto(`${house.url}/tokens`);
      const row = page.getByRole("row").filter({ hasText: "ci" });
      await row.getByRole("button", { name: "Edit" }).click();
      await page.getByRole("dialog").getByLabel("Budget in USD").fill("0.0004");
      await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
      await expect(row).toContainText("$0.00 of $0.0004");
      // The first spends a part; what the second may cost is more than is left.
      expect((await call(house, token)).status).toBe(200);
      const refused = await call(house, token);
      expect(refused.status).toBe(429);
      await page.goto(`${house.url}/requests?open=${refused.id}`);
      await expect(page.getByRole("note")).toContainText("the budget of this client token does not cover this call");
      await picture(page, "journey-8-budget");
      await page.goto(`${house.url}/tokens`);
      await expect(row).toContainText("$0.0001 of $0.0004");
    });

    await test.step("who wants to hear of budgets is told, and the budget is raised", async () => {
      await page.goto(`${house.url}/alerts`);
      await page.getByRole("button", { name: "Add a channel" }).click();
      await page.getByRole("dialog").getByLabel("Name").fill("ops room");
      await page.getByRole("dialog").getByLabel("Address (URL)").fill(`${house.upstream}/hook`);
      await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
      await page.getByRole("button", { name: "Add a rule" }).click();
      await page.getByRole("dialog").getByLabel("What is looked at").selectOption("Budget nearly used");
      await page.getByRole("dialog").getByLabel("Bad at").fill("20");
      await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
      await expect(page.getByRole("region", { name: "What is wrong now" })).toContainText("Budget nearly used", { timeout: 30_000 });
      await expect(page.getByRole("region", { name: "Deliveries" }).getByText("delivered")).toBeVisible({ timeout: 30_000 });
      expect(JSON.stringify(house.told())).toContain("budget_used");
      await picture(page, "journey-9-alert");
      await page.goto(`${house.url}/tokens`);
      const row = page.getByRole("row").filter({ hasText: "ci" });
      await expect(row).toContainText("alert at 20%");
      await row.getByRole("button", { name: "+$5" }).click();
      await expect(page.getByText("The limit is $5.00 now.")).toBeVisible();
      expect((await call(house, token)).status).toBe(200);
    });

    await test.step("what was done is in the audit log, and signing out ends it", async () => {
      await page.goto(`${house.url}/audit`);
      await expect(page.getByRole("table")).toContainText("ana");
      await picture(page, "journey-10-audit");
      await page.getByRole("button", { name: "Sign out" }).click();
      await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
      await page.getByLabel("Name").fill("ana");
      await page.getByLabel("Password", { exact: true }).fill("not the password");
      await page.getByRole("button", { name: "Sign in" }).click();
      await expect(page.getByText("Name or password is wrong.")).toBeVisible();
      await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
      await page.getByRole("button", { name: "Sign in" }).click();
      await expect(page.getByRole("heading", { name: "Audit log" })).toBeVisible();
    });
  } finally {
    await house.close();
  }
});
