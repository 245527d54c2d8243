// The order of rows. Pure.

export interface Sort {
  id: string;
  direction: "up" | "down";
}

/** A column that was not sorted by begins with its largest; asked again it turns round. */
export const nextSort = (sort: Sort | undefined, id: string): Sort =>
  sort?.id === id && sort.direction === "down" ? { id, direction: "up" } : { id, direction: "down" };

const texts = new Intl.Collator(undefined, { numeric: true });

function compare(a: number | string | null, b: number | string | null): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return texts.compare(String(a), String(b));
}

/** Rows by a value; those without one come last in either direction, and equals keep their order. */
export function sorted<Row>(
  rows: readonly Row[],
  by: ((row: Row) => number | string | null) | undefined,
  direction: Sort["direction"] = "up",
): readonly Row[] {
  if (!by) return rows;
  return rows.toSorted((left, right) => {
    const [a, b] = [by(left), by(right)];
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    return direction === "up" ? compare(a, b) : compare(b, a);
  });
}
