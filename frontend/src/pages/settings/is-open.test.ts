import { expect, test } from "vitest";
import { isOpen } from "./is-open";

test.each([
  ["http:", "127.0.0.1", false],
  ["http:", "localhost", false],
  ["http:", "[::1]", false],
  ["http:", "127.evil.example", true],
  ["http:", "10.0.0.7", true],
  ["https:", "pool.example", false],
])("%s//%s is open: %s", (protocol, hostname, expected) => {
  expect(isOpen({ protocol, hostname })).toBe(expected);
});
