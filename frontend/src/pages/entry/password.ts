// A new admin's name and password, before the server is asked, and the code that lets them in. Pure.

export const SHORTEST = 12;

interface Given {
  username: string;
  password: string;
  repeated: string;
}

export function objection(
  { username, password, repeated }: Given,
  words: { missing: string; short: string; different: string },
): string | undefined {
  if (!username.trim() || !password) return words.missing;
  if ([...password].length < SHORTEST) return words.short;
  return password === repeated ? undefined : words.different;
}

/** The code of the link that the server printed. It stands behind `#`, which browsers send nowhere. */
export const codeOf = (hash: string): string => decodeURIComponent(hash.replace(/^#/, ""));
