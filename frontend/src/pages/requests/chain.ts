// The keys that a call went through, in one line. Pure.

/** One key that a call went to. */
export interface Link {
  key_id: number;
  verdict: string;
  http_status_code: number | null;
  latency_ms: number;
}

/** A row that tells which keys were asked, where there was more than one. */
export interface Chained {
  chain?: Link[];
}

export interface Chain {
  /** Those that were asked before the last, with what came of it. */
  before: { key_id: number; status: string }[];
  /** What they took, in milliseconds. */
  lostMs: number;
}

const statusOf = ({ http_status_code, verdict }: Link) => String(http_status_code ?? verdict);

/** Nothing for a call that one key answered, or of which nobody tells more. */
export function chainOf({ chain = [] }: Chained): Chain | undefined {
  const before = chain.slice(0, -1);
  if (before.length === 0) return undefined;
  return {
    before: before.map((link) => ({ key_id: link.key_id, status: statusOf(link) })),
    lostMs: before.reduce((sum, { latency_ms }) => sum + latency_ms, 0),
  };
}
