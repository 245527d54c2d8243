// What stands in the URL of each page, so that a link shows others the same. What makes no sense is left out.

type Raw = Record<string, unknown>;

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined;

function id(value: unknown): number | undefined {
  const number = typeof value === "string" ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) && number > 0 ? number : undefined;
}

const oneOf =
  <T extends string>(...known: T[]) =>
  (value: unknown): T | undefined =>
    known.find((word) => word === value);

type Reader = (value: unknown) => string | number | undefined;
type Read<Shape extends Record<string, Reader>> = { [Name in keyof Shape]?: NonNullable<ReturnType<Shape[Name]>> };

/** Reads the parameters that `shape` names. */
const reads =
  <Shape extends Record<string, Reader>>(shape: Shape) =>
  (raw: Raw): Read<Shape> => {
    const pairs = Object.entries(shape).map(([name, read]) => [name, read(raw[name])] as const);
    return Object.fromEntries(pairs.filter(([, value]) => value !== undefined)) as Read<Shape>;
  };

export const spans = ["1h", "24h", "7d", "30d", "90d"] as const;
export type Span = (typeof spans)[number];

export const searches = {
  overview: reads({ wall: oneOf("on") }),
  keys: reads({
    q: text,
    state: oneOf("ready", "cooling", "out_of_credit", "out_of_budget", "disabled", "probing", "trouble"),
    provider: text,
    tag: text,
    open: id,
  }),
  tokens: reads({ q: text, open: id }),
  models: reads({ q: text, explain: text }),
  requests: reads({
    span: oneOf(...spans),
    from: text,
    to: text,
    key_id: id,
    token_id: id,
    model: text,
    status: oneOf("success", "error", "open"),
    error_type: text,
    not_key_id: text,
    not_token_id: text,
    not_model: text,
    not_error_type: text,
    q: text,
    open: text,
  }),
  statistics: reads({
    span: oneOf(...spans),
    from: text,
    to: text,
    by: oneOf("models", "keys", "providers", "tokens"),
    show: oneOf("cost", "requests", "tokens", "errors", "latency"),
    key_id: id,
    token_id: id,
    model: text,
    provider: text,
  }),
  playground: reads({ model: text }),
};

const HOUR_MS = 3_600_000;
const LENGTHS: Record<Span, number> = { "1h": 1, "24h": 24, "7d": 168, "30d": 720, "90d": 2160 };

/** From when to when a page looks: what was dragged in a chart, else so long until now. */
export function period(
  { span, from, to }: { span?: Span; from?: string; to?: string },
  usual: Span,
  now: number,
): { from: string; to?: string; ms: number } {
  const start = from ? Date.parse(from) : Number.NaN;
  const end = to ? Date.parse(to) : now;
  if (start < end) return { from: new Date(start).toISOString(), ...(to && { to: new Date(end).toISOString() }), ms: end - start };
  const ms = LENGTHS[span ?? usual] * HOUR_MS;
  return { from: new Date(now - ms).toISOString(), ms };
}
