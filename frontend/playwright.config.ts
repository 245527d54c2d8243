// Journeys in a real browser, through the real server, to a scripted upstream: `make test-e2e`.

import { defineConfig } from "@playwright/test";

/** Left behind for people to look at; git does not keep it. */
const out = ".e2e";

export default defineConfig({
  testDir: "e2e",
  outputDir: `${out}/results`,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  forbidOnly: true,
  fullyParallel: false,
  workers: 2,
  reporter: [["list"]],
  use: {
    viewport: { width: 1280, height: 860 },
    locale: "en-GB",
    timezoneId: "Europe/Zurich",
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});
