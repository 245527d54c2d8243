// Prices as people mend them: written by hand with a history, brought by a list with its differences, and calls rated again.

import { expect, open, picture, test } from "./fixtures";

const MODEL = "gpt-mended";

test("a price is written, seen in the history, and calls of the past are rated by it", async ({ page, lived: { house, token } }) => {
  const call = async () => {
    const answer = await fetch(`${house.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ model: MODEL, messages: [{ role: "user", content: "what do you cost?" }] }),
    });
    expect(answer.status).toBe(200);
    return answer.headers.get("x-request-id");
  };
  await call();
  // A list makes the model known.
  const list = { [MODEL]: { litellm_provider: "openai", mode: "chat", input_cost_per_token: 0.000001, output_cost_per_token: 0.000002 } };
  await open(page, house, "/models");
  await page.getByRole("button", { name: "Update from a list" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("File").setInputFiles({ name: "prices.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(list)) });
  await expect(dialog.getByText(/1 new, 0 changed/)).toBeVisible();
  await expect(dialog.getByRole("row").filter({ hasText: MODEL })).toContainText("1");
  await picture(page, "prices-list");
  await dialog.getByRole("button", { name: "Accept these prices" }).click();
  await expect(page.getByText("1 prices are new.")).toBeVisible();

  const id = await call();
  await page.goto(`${house.url}/requests?open=${id}`);
  await expect(page.getByRole("dialog").getByText("× $1 a million")).toBeVisible();
  await picture(page, "cost-explained");

  await page.goto(`${house.url}/models?explain=${MODEL}`);
  await page.getByLabel("Search", { exact: true }).last().fill(MODEL);
  await page.getByRole("button", { name: `Price ${MODEL}` }).first().click();
  await dialog.getByLabel("Input").fill("10");
  await dialog.getByLabel("Since").fill("2026-01-01T00:00");
  await dialog.getByLabel("Note").fill("as billed");
  await dialog.getByRole("button", { name: "Save the price" }).click();
  await expect(dialog.getByText("as billed")).toBeVisible();
  await picture(page, "price-history");
  await page.keyboard.press("Escape");

  await page.getByRole("button", { name: "Rate calls again" }).click();
  await dialog.getByLabel("Model").fill(MODEL);
  await dialog.getByRole("button", { name: "Show what would change" }).click();
  await expect(dialog.getByText("Would cost something else")).toBeVisible();
  await picture(page, "re-rate");
  await dialog.getByRole("button", { name: "Rate 2 calls again" }).click();
  await expect(page.getByText("2 calls were rated again.")).toBeVisible();
  await page.goto(`${house.url}/requests?open=${id}`);
  await expect(page.getByRole("dialog").getByText("By a later rating it cost")).toBeVisible();
});
