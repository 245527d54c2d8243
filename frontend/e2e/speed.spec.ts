// How much of the processor a page takes: time on the clock would tell how busy this machine is.

import type { Page } from "@playwright/test";
import { expect, open, test } from "./fixtures";

/** Tells what the main thread has worked since this was called, in milliseconds. */
async function clockOf(page: Page): Promise<() => Promise<number>> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  return async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return 1_000 * (metrics.find(({ name }) => name === "TaskDuration")?.value ?? Number.NaN);
  };
}

const LOGIN_MS = 450;
const OVERVIEW_MS = 1_000;

test(`the door is usable after ${LOGIN_MS} ms of work`, async ({ page, lived }) => {
  const worked = await clockOf(page);
  await page.goto(lived.house.url);
  await page.locator("h1").waitFor();
  const ms = await worked();
  console.log(`the door took ${Math.round(ms)} ms of the main thread`);
  expect(ms).toBeGreaterThan(0);
  expect(ms).toBeLessThan(LOGIN_MS);
});

test(`the overview is usable after ${OVERVIEW_MS} ms of work`, async ({ page, lived }) => {
  const worked = await clockOf(page);
  await open(page, lived.house, "/");
  await page.getByText("Spend by model").waitFor();
  const ms = await worked();
  console.log(`the overview took ${Math.round(ms)} ms of the main thread`);
  expect(ms).toBeLessThan(OVERVIEW_MS);
});

const ROWS = 100_000;
const PAGE = 10_000;
const STEPS = 120;
const FRAME_MS = 35;

/** Rows that look like real ones. */
const row = (id: number) => ({
  id, call_id: `01a22043-4ac9-78e6-b6ac-${String(id).padStart(12, "0")}`, create_time: new Date(1_795_000_000_000 + id * 1_000).toISOString(),
  key_id: (id % 7) + 1, token_id: 1, provider: "openai", model: `model-${id % 9}`, upstream_model: `model-${id % 9}`, format: "chat", upstream_format: "chat",
  endpoint: "chat", stream: id % 2 === 0, input_tokens: 100, output_tokens: 10, total_tokens: 110, cache_read_tokens: 0, cache_write_tokens: 0,
  cache_write_5m_tokens: 0, cache_write_1h_tokens: 0, reasoning_tokens: null, cost: "0.001", latency_ms: 900, first_byte_ms: 100, status: "success",
  outcome: "done", http_status_code: 200, error_type: null, error_message: null, attempts: 1 + (id % 3), estimated: false,
});

test(`${ROWS} rows scroll with little work a frame, and only those in sight are there`, async ({ page, lived }) => {
  test.setTimeout(120_000);
  await page.route("**/api/requests/live*", (route) => route.fulfill({ status: 404, json: {} }));
  await page.route(/\/api\/requests\?/, (route) => {
    const from = Number(new URL(route.request().url()).searchParams.get("cursor") ?? ROWS);
    const items = Array.from({ length: Math.min(PAGE, from) }, (_, at) => row(from - at));
    return route.fulfill({ json: { items, next_cursor: from > PAGE ? String(from - PAGE) : null } });
  });
  await open(page, lived.house, "/requests?span=90d");
  const room = page.locator(".window-room");
  const bottom = () => room.evaluate((element) => element.scrollTo({ top: element.scrollHeight }));
  await expect(async () => {
    await bottom();
    expect(await page.getByRole("table").first().getAttribute("aria-rowcount")).toBe(String(ROWS + 1));
  }).toPass({ timeout: 90_000 });
  await room.evaluate((element) => element.scrollTo({ top: 0 }));

  const worked = await clockOf(page);
  const before = await worked();
  const frames = await room.evaluate(async (element, steps) => {
    const took: number[] = [];
    for (let step = 0; step < steps; step += 1) {
      const start = performance.now();
      element.scrollBy({ top: 600 });
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
      took.push(performance.now() - start);
    }
    return took.toSorted((a, b) => a - b);
  }, STEPS);
  const work = (await worked()) - before;
  const slow = frames[Math.floor(0.95 * STEPS)] ?? 0;
  console.log(`a step of ${ROWS} rows took ${(work / STEPS).toFixed(1)} ms of the main thread; 95% of the frames came within ${slow.toFixed(1)} ms`);
  expect(work / STEPS).toBeLessThan(FRAME_MS);
  expect(await page.locator("[data-row]").count()).toBeLessThan(80);
});
