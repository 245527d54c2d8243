// The path of a line through numbers, in the box of a picture. Pure.

/** The line, and the ground between it and the floor. Numbers below zero lie on the floor. */
export function linePath(values: readonly number[], width: number, height: number) {
  if (values.length === 0) return { line: "", area: "" };
  const largest = Math.max(...values, 0) || 1;
  // A line of one number is flat.
  const points = values.length === 1 ? [values[0] ?? 0, values[0] ?? 0] : values;
  const step = width / (points.length - 1);
  const at = (value: number, index: number) =>
    `${round(index * step)} ${round(1 + (height - 2) * (1 - Math.max(0, value) / largest))}`;
  const line = `M${points.map(at).join("L")}`;
  return { line, area: `${line}L${width} ${height}L0 ${height}Z` };
}

const round = (value: number) => Math.round(value * 100) / 100;
