// What was given with a change, in one line. Pure.

const shown = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

/** The harmless values by name, then the names of fields whose values are kept to themselves. */
export function told(detail: unknown): string {
  if (typeof detail !== "object" || detail === null) return detail == null ? "" : shown(detail);
  const { fields, ...values } = detail as { fields?: unknown } & Record<string, unknown>;
  const hidden = Array.isArray(fields) ? fields.filter((name) => !(String(name) in values)).map(String) : [];
  return [...Object.entries(values).map(([name, value]) => `${name}: ${shown(value)}`), ...hidden].join(", ");
}
