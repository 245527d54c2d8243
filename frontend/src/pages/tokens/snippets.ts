// What a client needs to call the pool, ready to paste. Pure.

export interface Snippet {
  id: string;
  title: string;
  code: string;
}

/** In a shell, single quotes take anything but themselves. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** For each client, against the server at `origin`, with `token` and a model that the pool serves. */
export function snippets(origin: string, token: string, model: string): Snippet[] {
  const chat = JSON.stringify({ model, messages: [{ role: "user", content: "Hello" }] });
  const json = JSON.stringify;
  return [
    {
      id: "curl",
      title: "curl",
      code: `curl ${origin}/v1/chat/completions \\
  -H ${quoted(`authorization: Bearer ${token}`)} \\
  -H 'content-type: application/json' \\
  -d ${quoted(chat)}`,
    },
    {
      id: "openai",
      title: "OpenAI SDK",
      code: `from openai import OpenAI

client = OpenAI(base_url=${json(`${origin}/v1`)}, api_key=${json(token)})
answer = client.chat.completions.create(
    model=${json(model)},
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.choices[0].message.content)`,
    },
    {
      id: "anthropic",
      title: "Anthropic SDK",
      code: `from anthropic import Anthropic

client = Anthropic(base_url=${json(origin)}, api_key=${json(token)})
answer = client.messages.create(
    model=${json(model)},
    max_tokens=1024,
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.content[0].text)`,
    },
    {
      id: "claude",
      title: "Claude Code",
      code: `export ANTHROPIC_BASE_URL=${quoted(origin)}
export ANTHROPIC_AUTH_TOKEN=${quoted(token)}
claude`,
    },
    {
      id: "codex",
      title: "Codex",
      code: `# ~/.codex/config.toml
model = ${json(model)}
model_provider = "amp-pool"

[model_providers.amp-pool]
name = "AMP Pool"
base_url = ${json(`${origin}/v1`)}
env_key = "AMP_POOL_TOKEN"
wire_api = "responses"

# then, in the shell:
export AMP_POOL_TOKEN=${quoted(token)}
codex`,
    },
    {
      id: "cursor",
      title: "Cursor",
      code: `Settings → Models → OpenAI API Key
  API key            ${token}
  Override base URL  ${origin}/v1
  Model              ${model}`,
    },
  ];
}
