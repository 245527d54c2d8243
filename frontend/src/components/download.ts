// Files that the page writes for the reader.

const quoted = (cell: unknown) => {
  const text = String(cell ?? "");
  // A cell that begins like a formula would be run by a spreadsheet.
  const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

/** Rows as CSV, for spreadsheets. */
export const csv = (rows: readonly (readonly unknown[])[]) => `${rows.map((row) => row.map(quoted).join(",")).join("\r\n")}\r\n`;

/** Lets the reader keep `content` as a file. */
export function download(name: string, content: string | Blob, type = "text/csv;charset=utf-8") {
  // The mark tells spreadsheets that it is UTF-8.
  const blob = content instanceof Blob ? content : new Blob(type.startsWith("text/csv") ? ["\uFEFF", content] : [content], { type });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
