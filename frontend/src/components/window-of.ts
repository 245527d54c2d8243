// Which rows of a long list are there. Pure.

/** Rows are taken and given back so many at a time, so that most moves of the wheel draw nothing. */
const STEP = 10;

/** The first and the last row to draw, for what is seen from `top` on, with some to spare on either side. */
export function windowOf(top: number, height: number, rowHeight: number, count: number): { first: number; last: number } {
  const seenFirst = Math.floor(Math.max(0, top) / rowHeight / STEP) * STEP;
  const seenLast = Math.ceil((Math.max(0, top) + height) / rowHeight / STEP) * STEP;
  return { first: Math.max(0, Math.min(seenFirst - STEP, count - 1)), last: Math.min(count - 1, seenLast + STEP) };
}
