// Keys out of whatever people paste: a key a line, columns in any order, CSV with or without heads, JSON. Pure.

export interface Found {
  /** Counted from 1, in what was pasted. */
  line: number;
  name?: string;
  api_key?: string;
  provider?: string;
  proxy_ip?: string;
  base_url?: string;
  tags?: string[];
}

export type Verdict = "new" | "twice" | "short" | "noKey" | "noProvider";

export interface Line extends Found {
  verdict: Verdict;
  /** Whether the provider was told by the shape of the key. */
  guessed: boolean;
}

/** Shapes of keys that tell whose they are; the first that fits wins. */
const PREFIXES: [prefix: string, provider: string][] = [
  ["sk-ant-", "anthropic"],
  ["sk-or-", "openrouter"],
  ["sk-proj-", "openai"],
  ["sk-svcacct-", "openai"],
  ["sgamp", "amp"],
  ["gsk_", "groq"],
  ["xai-", "xai"],
  ["AIza", "gemini"],
];

const SHORTEST = 8;

export const guess = (key: string): string | undefined => PREFIXES.find(([prefix]) => key.startsWith(prefix))?.[1];

const isUrl = (word: string) => /^[a-z][a-z0-9+.-]*:\/\//i.test(word);
const isProxy = (word: string) => /^socks/i.test(word) || /^https?:\/\/([^/]*@|[^/]*:\d+\/?$)/i.test(word);
/** A long word without spaces that has a digit or begins as keys do. */
const isKey = (word: string) => /^[\x21-\x7e]{16,}$/.test(word) && !isUrl(word) && (/\d/.test(word) || guess(word) !== undefined || word.startsWith("sk-"));

/** What each word of a line is; a word that is nothing else is a part of the name. */
function fromWords(words: string[], providers: ReadonlySet<string>): Omit<Found, "line"> {
  const found: Omit<Found, "line"> = {};
  const rest: string[] = [];
  for (const word of words) {
    if (!found.api_key && isKey(word)) found.api_key = word;
    else if (isProxy(word)) found.proxy_ip = word;
    else if (isUrl(word)) found.base_url = word;
    else if (!found.provider && providers.has(word.toLowerCase())) found.provider = word.toLowerCase();
    else rest.push(word);
  }
  // One word alone can only be meant as a key, even if it does not look like one.
  if (!found.api_key && rest.length === 1 && words.length === 1) found.api_key = rest.pop() ?? "";
  return { ...found, ...(rest.length > 0 && { name: rest.join(" ") }) };
}

const COLUMNS: Record<string, keyof Found> = {
  name: "name", label: "name", key: "api_key", api_key: "api_key", apikey: "api_key", token: "api_key", secret: "api_key",
  provider: "provider", type: "provider", proxy: "proxy_ip", proxy_ip: "proxy_ip", base_url: "base_url", url: "base_url", endpoint: "base_url",
};

/** The cells of a line of CSV; quotes keep commas in. */
export function cells(line: string, mark: string): string[] {
  const found: string[] = [];
  let cell = "";
  let quoted = false;
  for (let at = 0; at < line.length; at += 1) {
    const sign = line[at];
    if (sign === '"' && quoted && line[at + 1] === '"') {
      cell += '"';
      at += 1;
    } else if (sign === '"') quoted = !quoted;
    else if (sign === mark && !quoted) {
      found.push(cell.trim());
      cell = "";
    } else cell += sign;
  }
  return [...found, cell.trim()];
}

const markOf = (line: string) => ["\t", ";", ","].find((mark) => line.includes(mark));

/** The meaning of each column, when the line names them. */
function headsOf(line: string): (keyof Found | undefined)[] | undefined {
  const mark = markOf(line);
  const names = (mark ? cells(line, mark) : [line]).map((name) => COLUMNS[name.toLowerCase().replaceAll(" ", "_")]);
  return names.includes("api_key") ? names : undefined;
}

function fromColumns(line: string, heads: (keyof Found | undefined)[], mark: string): Omit<Found, "line"> {
  const pairs = cells(line, mark).flatMap((cell, at) => (heads[at] && cell ? [[heads[at], cell]] : []));
  return Object.fromEntries(pairs) as Omit<Found, "line">;
}

function fromText(text: string, providers: ReadonlySet<string>): Found[] {
  const lines = text.split(/\r\n?|\n/).map((content, at) => ({ content: content.trim(), line: at + 1 }));
  const filled = lines.filter(({ content }) => content !== "" && !content.startsWith("#"));
  const first = filled[0];
  const heads = first && headsOf(first.content);
  const mark = first && markOf(first.content);
  if (first && heads && mark) {
    return filled.slice(1).map(({ content, line }) => ({ line, ...fromColumns(content, heads, mark) }));
  }
  return filled.slice(heads ? 1 : 0).flatMap(({ content, line }): Found[] => {
    const mark = markOf(content);
    const words = (mark ? cells(content, mark) : content.split(/\s+/)).filter(Boolean);
    // Only keys in a row are many keys; otherwise the words belong together.
    if (words.length > 1 && words.every(isKey)) return words.map((api_key) => ({ line, api_key }));
    return [{ line, ...fromWords(words, providers) }];
  });
}

function fromJson(value: unknown, providers: ReadonlySet<string>): Found[] {
  if (!Array.isArray(value)) {
    const inner = (value as { items?: unknown; keys?: unknown } | null)?.items ?? (value as { keys?: unknown } | null)?.keys;
    return fromJson(Array.isArray(inner) ? inner : [value], providers);
  }
  return value.map((item: unknown, at): Found => {
    if (typeof item === "string") return { line: at + 1, ...fromWords([item], providers) };
    const pairs = Object.entries(item ?? {}).flatMap(([name, given]) => {
      const known = name === "tags" ? "tags" : COLUMNS[name.toLowerCase()];
      return known && given ? [[known, given]] : [];
    });
    return { line: at + 1, ...(Object.fromEntries(pairs) as Omit<Found, "line">) };
  });
}

function read(text: string, providers: ReadonlySet<string>): Found[] {
  if (/^\s*[[{]/.test(text)) {
    try {
      return fromJson(JSON.parse(text), providers);
    } catch {
      // Then it is text that happens to begin so.
    }
  }
  return fromText(text, providers);
}

/** Every key in `text` with what can be said of it before the server is asked. */
export function parseKeys(text: string, providers: ReadonlySet<string>, usual: string): Line[] {
  const seen = new Set<string>();
  return read(text, providers).map((found) => {
    const key = found.api_key ?? "";
    const guessed = found.provider ? undefined : guess(key);
    const provider = found.provider ?? guessed ?? usual;
    const twice = seen.has(key);
    seen.add(key);
    return { ...found, provider, guessed: guessed !== undefined, verdict: verdictOf(key, provider, twice, providers) };
  });
}

function verdictOf(key: string, provider: string, twice: boolean, providers: ReadonlySet<string>): Verdict {
  if (!key) return "noKey";
  if (twice) return "twice";
  if (key.length < SHORTEST) return "short";
  return providers.has(provider) ? "new" : "noProvider";
}

/** A key as it may be shown. */
export const masked = (key: string) => (key.length < 12 ? "…" : `${key.slice(0, 3)}…${key.slice(-4)}`);
