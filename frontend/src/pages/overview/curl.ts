// The command that adds a key.

/** For a shell, against the server at `origin`. The token stays in the reader's environment. */
export const curlFor = (origin: string) => `curl ${origin}/api/keys \\
  -H "authorization: Bearer $AMP_POOL_ADMIN_TOKEN" \\
  -H "content-type: application/json" \\
  -d '{"name":"first","provider":"openai","api_key":"sk-…"}'`;
