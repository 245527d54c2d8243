// A visit to whom people sign in at: with which page in mind, and what became of it. Pure.

export type Outcome = "expired" | "refused" | "failed" | "busy";

const outcomes: readonly string[] = ["expired", "refused", "failed", "busy"];
const NAME = "sign_in";

/** What the server says of the last visit, if this page was opened at the end of one. */
export function outcomeOf(search: string): Outcome | undefined {
  const word = new URLSearchParams(search).get(NAME) ?? "";
  return outcomes.includes(word) ? (word as Outcome) : undefined;
}

/** The same page without that. */
export function pageOf({ pathname, search }: Pick<Location, "pathname" | "search">): string {
  const rest = new URLSearchParams(search);
  rest.delete(NAME);
  return rest.size ? `${pathname}?${rest}` : pathname;
}

/** Where the visit begins. */
export const visitFrom = (page: string) => `/api/auth/oidc/login?${new URLSearchParams({ next: page })}`;
