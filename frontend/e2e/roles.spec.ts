// Who may only look is shown nothing to change with.

import { expect, test } from "./fixtures";
import { admin } from "./house.mjs";

const PASSWORD = "looking is enough for me";

test("a viewer looks at everything and changes nothing", async ({ page, lived: { house } }) => {
  const username = `viewer-${Date.now()}`;
  await admin(house.url)("POST", "/api/users", { username, password: PASSWORD, role: "viewer" });
  await page.goto(house.url);
  // As long as there is no admin with a name, the door offers to make one.
  await page.locator("h1").waitFor();
  const answer = await page.request.post(`${house.url}/api/auth/login`, { data: { username, password: PASSWORD } });
  expect(answer.ok()).toBe(true);
  await page.goto(`${house.url}/keys`);
  await expect(page.getByRole("button", { name: "team A", exact: true })).toBeVisible();
  await expect(page.getByRole("button", { name: "Add a key" })).toHaveCount(0);
  await expect(page.getByRole("checkbox")).toHaveCount(0);
  await page.getByRole("button", { name: "team A", exact: true }).click();
  await expect(page.getByRole("dialog").getByText("How it is reached")).toBeVisible();
  await expect(page.getByRole("dialog").getByRole("button", { name: "Delete" })).toHaveCount(0);
  await page.goto(`${house.url}/settings`);
  await expect(page.getByText("looks, and changes nothing")).toBeVisible();
  await expect(page.getByRole("heading", { name: "Users" })).toHaveCount(0);
});
