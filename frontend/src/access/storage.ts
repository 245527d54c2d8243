// What the browser remembers of the reader. It may forbid that; then a choice lasts for the visit.

function area(which: "localStorage" | "sessionStorage"): Storage | undefined {
  try {
    return window[which];
  } catch {
    return undefined;
  }
}

/** What is kept under `name`, if anything. */
export const kept = (name: string): string | null => area("localStorage")?.getItem(name) ?? null;

/** Keeps `value` for later visits. */
export function keep(name: string, value: string) {
  try {
    area("localStorage")?.setItem(name, value);
  } catch {
    // Full or forbidden.
  }
}

/** Storage that ends with the tab. */
export const tabStorage = () => area("sessionStorage");
