import { expect, test } from "vitest";
import { formatsOf } from "./format";

const en = formatsOf("en");
const zh = formatsOf("zh-CN");
const NOW = Date.parse("2026-11-23T12:00:00Z");

test.each([
  ["0", "$0.00"],
  ["0.000000001", "<$0.0001"],
  ["0.001234500", "$0.0012"],
  ["0.5", "$0.50"],
  ["0.99996", "$1.00"],
  ["1234.567", "$1,234.57"],
  ["-0.25", "-$0.25"],
])("%s USD is shown as %s", (cost, shown) => {
  expect(en.usd(cost)).toBe(shown);
});

test.each([
  [0, 0, "0%"],
  [1, 3, "33.3%"],
  [5, 5, "100%"],
])("%i of %i is %s", (part, all, shown) => {
  expect(en.share(part, all)).toBe(shown);
});

test.each([
  [0, "now", "现在"],
  [999, "now", "现在"],
  [1_000, "1 second ago", "1秒钟前"],
  [119_000, "1 minute ago", "1分钟前"],
  [7_200_000, "2 hours ago", "2小时前"],
  [86_400_000, "yesterday", "昨天"],
])("%i ms ago is told as %s and %s", (ms, inEnglish, inChinese) => {
  expect(en.ago(NOW - ms, NOW)).toBe(inEnglish);
  expect(zh.ago(NOW - ms, NOW)).toBe(inChinese);
});

test("a server clock that runs ahead is not told as the future", () => {
  expect(en.ago(NOW + 5_000, NOW)).toBe("now");
});

test.each([
  [-5_000, undefined],
  [500, undefined],
  [42_000, "in 42 seconds"],
  [5_400_000, "in 1 hour"],
])("%i ms ahead is told as %s", (ms, shown) => {
  expect(en.ahead(NOW + ms, NOW)).toBe(shown);
});

test("large counts are short or whole, as asked", () => {
  expect(en.short(1_234_567)).toBe("1.2M");
  expect(en.whole(1_234_567)).toBe("1,234,567");
  expect(zh.short(1_234_567)).toBe("123.5万");
});

test.each([
  [340, "340ms"],
  [999.6, "1,000ms"],
  [1_250, "1.25s"],
  [61_234, "61.2s"],
])("%d ms are shown as %s", (ms, shown) => {
  expect(en.span(ms)).toBe(shown);
});

test.each([
  [-1, "0:00"],
  [900, "0:01"],
  [65_000, "1:05"],
  [7_389_000, "2:03:09"],
  [2 * 86_400_000, "in 2 days"],
])("%d ms to go count down as %s", (ms, shown) => {
  expect(en.countdown(ms)).toBe(shown);
});

test("money in another currency names it", () => {
  expect(en.money("1234.5", "CNY")).toBe("1,234.5 CNY");
  expect(en.money("12.4", "USD")).toBe("$12.40");
});
