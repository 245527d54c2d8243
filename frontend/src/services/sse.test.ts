import { expect, test } from "vitest";
import { EventReader } from "./sse";

const STREAM = ': hello\r\n\r\nevent: call\r\ndata: {"id":1}\r\n\r\ndata: two\ndata: lines\n\ndata:bare\n\nevent: nothing\n\n';
const EVENTS = [
  { event: "call", data: '{"id":1}' },
  { event: "message", data: "two\nlines" },
  { event: "message", data: "bare" },
];

test("a stream gives the same events wherever it is cut", () => {
  for (let cut = 0; cut <= STREAM.length; cut += 1) {
    const reader = new EventReader();
    expect([...reader.push(STREAM.slice(0, cut)), ...reader.push(STREAM.slice(cut))], `cut at ${cut}`).toEqual(EVENTS);
  }
});

test("an event that has not ended is kept back", () => {
  const reader = new EventReader();
  expect(reader.push("data: half")).toEqual([]);
  expect(reader.push("\n\n")).toEqual([{ event: "message", data: "half" }]);
});
