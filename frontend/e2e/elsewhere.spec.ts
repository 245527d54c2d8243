// The door of a server whose people sign in at somebody else's.

import { barriers, expect, picture, test } from "./fixtures";
import { openHouse } from "./house.mjs";

test("the other way to sign in is a button, and what became of it is told", async ({ page }) => {
  const house = await openHouse({
    ADMIN_PASSWORD: "a sentence is easier to keep",
    AMP_POOL_OIDC_ISSUER: "http://127.0.0.1:9/realm",
    AMP_POOL_OIDC_CLIENT_ID: "pool",
    AMP_POOL_OIDC_NAME: "Realm <b>",
    AMP_POOL_PUBLIC_URL: "http://127.0.0.1",
  });
  try {
    await page.goto(`${house.url}/keys?q=a`);
    const button = page.getByRole("link", { name: "Sign in with Realm <b>" });
    await expect(button).toHaveAttribute("href", "/api/auth/oidc/login?next=%2Fkeys%3Fq%3Da");
    // Nobody is at that address: the server says so, and its page does in words.
    await button.click();
    await expect(page.getByRole("alert")).toHaveText("Signing in there did not work. The log of the server says why.");
    await expect(page).toHaveURL(`${house.url}/`);
    await expect(button).toBeVisible();
    expect(await barriers(page)).toEqual([]);
    await picture(page, "elsewhere");
  } finally {
    await house.close();
  }
});
