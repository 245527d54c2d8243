// Whoever is signed in may try operations from the documentation: the session's token goes along with what changes
// something, as it does from the other pages.

export interface Request {
  url: string;
  method?: string;
  headers: Record<string, string>;
}

/** The request as it is to be sent. One that shows a credential of its own is left as it is. */
export async function withCsrf(request: Request, ask: typeof fetch = fetch): Promise<Request> {
  const changes = request.method !== undefined && request.method.toUpperCase() !== "GET";
  const has = (name: string) => Object.keys(request.headers).some((header) => header.toLowerCase() === name);
  if (!changes || has("authorization") || has("x-csrf-token")) return request;
  const token = await csrf(ask);
  return token ? { ...request, headers: { ...request.headers, "x-csrf-token": token } } : request;
}

async function csrf(ask: typeof fetch): Promise<string | null> {
  const answer = await ask("/api/auth/me");
  if (!answer.ok) return null;
  const me = (await answer.json()) as { csrf_token: string | null };
  return me.csrf_token;
}
