// The SDK of Anthropic over every upstream, plain and streamed.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import Anthropic from '@anthropic-ai/sdk'
import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod'
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod'
import { z } from 'zod'

import { openHouse, TEXT, TOLD, TOOLS, UPSTREAMS, VALUE } from './house.mjs'

const SCHEMA = z.object({
  city: z.string(),
  days: z.number().int(),
  tags: z.array(z.string()),
  wind: z.object({ speed: z.number() }),
})

let house, client
before(async () => {
  house = await openHouse()
  client = new Anthropic({ baseURL: house.url, apiKey: house.token, maxRetries: 0 })
})
after(() => house.close())

for (const upstream of UPSTREAMS) {
  const ask = {
    model: `claude-sonnet-4-5-over-${upstream}`,
    max_tokens: 4096,
    messages: [{ role: 'user', content: 'Say hello.' }],
  }

  describe(`messages over ${upstream}`, () => {
    test('a text is the text', async () => {
      const answer = await client.messages.create(ask)

      assert.equal(answer.content.at(-1).text, TEXT)
      assert.equal(answer.stop_reason, 'end_turn')
    })

    test('the stream helper puts the text together', async () => {
      const stream = client.messages.stream(ask)
      const pieces = []
      stream.on('text', (piece) => pieces.push(piece))

      assert.equal(await stream.finalText(), TEXT)
      assert.equal(pieces.join(''), TEXT)
      assert.ok(pieces.length > 1)
    })

    test('the stream helper puts thoughts and calls together', async () => {
      const thinking = { type: 'enabled', budget_tokens: 2048 }
      const tools = TOOLS.map(({ name, argument }) => ({
        name,
        input_schema: { type: 'object', properties: { [argument]: { type: 'string' } }, required: [argument] },
      }))
      const answer = await client.messages.stream({ ...ask, thinking, tools }).finalMessage()

      const uses = answer.content.filter(({ type }) => type === 'tool_use')
      assert.deepEqual(uses.map(({ name, input }) => [name, input]), [
        ['get_weather', { city: 'Zürich' }],
        ['get_time', { zone: 'Zürich' }],
      ])
      assert.equal(answer.stop_reason, 'tool_use')
    })

    for (const stream of [false, true]) {
      test(`the tool runner runs two steps${stream ? ', streamed' : ''}`, async () => {
        const runner = client.beta.messages.toolRunner({ ...ask, stream, tools: TOOLS.map(runnable) })

        const answer = await runner
        assert.equal(answer.content.at(-1).text, TOLD)
      })
    }

    const output_config = { format: zodOutputFormat(SCHEMA) }

    test('structured output is parsed', async () => {
      assert.deepEqual((await client.messages.parse({ ...ask, output_config })).parsed_output, VALUE)
    })

    test('structured output is parsed from a stream', async () => {
      const answer = await client.messages.stream({ ...ask, output_config }).finalMessage()

      assert.deepEqual(answer.parsed_output, VALUE)
    })

    test('tokens are counted', async () => {
      const { max_tokens, ...counted } = ask

      assert.ok((await client.messages.countTokens(counted)).input_tokens > 0)
    })
  })
}

function runnable({ name, description, argument, run }) {
  const inputSchema = z.object({ [argument]: z.string() })
  return betaZodTool({ name, description, inputSchema, run: (input) => run(input[argument]) })
}
