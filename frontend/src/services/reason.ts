// A reason as the pool notes it, taken apart: what it means, what the upstream answered, and its own words. Pure.

/** What an answer meant to the pool. */
export type Verdict =
  | "answer"
  | "caller_fault"
  | "rate_limited"
  | "out_of_credit"
  | "bad_credential"
  | "model_unavailable"
  | "overloaded"
  | "upstream_fault"
  | "network";

export interface Reason {
  /** The model it is about, when it is not about the whole key. */
  model?: string;
  /** Not always one that this page knows. */
  verdict?: string;
  status?: number;
  /** What was said, without the JSON around it. */
  message: string;
}

const SHAPE = /^(?:for `(?<model>[^`]+)`[^:]*: )?(?:(?<verdict>[a-z]+(?:_[a-z]+)*): )?(?:(?<status>[1-5]\d\d)(?:: | |$))?(?<rest>.*)$/s;

/** The upstream's own words: a body of JSON mostly has them under `error.message`. */
export function messageIn(text: string): string {
  const start = text.indexOf("{");
  if (start < 0) return text.trim();
  try {
    const body = JSON.parse(text.slice(start)) as Record<string, unknown>;
    return spoken(body) ?? text.trim();
  } catch {
    // Long bodies are cut; then the message may still be whole.
    const [, quoted] = /"message"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(text) ?? [];
    return quoted ? String(JSON.parse(quoted)) : text.trim();
  }
}

function spoken(body: Record<string, unknown>): string | undefined {
  const { error, message } = body;
  if (typeof error === "string") return error;
  if (typeof error === "object" && error !== null) return spoken(error as Record<string, unknown>);
  return typeof message === "string" ? message : undefined;
}

export function readReason(text: string): Reason {
  const { model, verdict, status, rest = "" } = SHAPE.exec(text)?.groups ?? {};
  return {
    ...(model && { model }),
    ...(verdict && { verdict }),
    ...(status && { status: Number(status) }),
    message: messageIn(rest),
  };
}
