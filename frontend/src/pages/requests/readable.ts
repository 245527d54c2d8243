// Bodies as people read them. Pure.

/** JSON with line ends; what is no JSON, or was cut, as it is. */
export function readable(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
