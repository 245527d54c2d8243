// The SDK of OpenAI over every upstream: Chat and Responses, plain and streamed.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import OpenAI from 'openai'
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod'
import { z } from 'zod'

import { openHouse, TEXT, TOLD, TOOLS, UPSTREAMS, VALUE } from './house.mjs'

const SCHEMA = z.object({
  city: z.string(),
  days: z.number().int(),
  tags: z.array(z.string()),
  wind: z.object({ speed: z.number() }),
})

const parameters = ({ argument }) => ({
  type: 'object',
  properties: { [argument]: { type: 'string' } },
  required: [argument],
  additionalProperties: false,
})

let house, client
before(async () => {
  house = await openHouse()
  client = new OpenAI({ baseURL: `${house.url}/v1`, apiKey: house.token, maxRetries: 0 })
})
after(() => house.close())

for (const upstream of UPSTREAMS) {
  const model = `gpt-5-mini-over-${upstream}`
  const messages = [{ role: 'user', content: 'Say hello.' }]

  describe(`chat over ${upstream}`, () => {
    test('a text is the text', async () => {
      const answer = await client.chat.completions.create({ model, messages })

      assert.equal(answer.choices[0].message.content, TEXT)
      assert.equal(answer.choices[0].finish_reason, 'stop')
    })

    test('the stream helper puts the text together', async () => {
      const stream = client.chat.completions.stream({ model, messages, stream_options: { include_usage: true } })
      const pieces = []
      stream.on('content', (piece) => pieces.push(piece))

      assert.equal(await stream.finalContent(), TEXT)
      assert.equal(pieces.join(''), TEXT)
      assert.ok(pieces.length > 1)
      assert.ok((await stream.totalUsage()).total_tokens > 0)
    })

    for (const stream of [false, true]) {
      test(`the tool runner runs two steps${stream ? ', streamed' : ''}`, async () => {
        const runner = client.chat.completions.runTools({ model, messages, stream, tools: TOOLS.map(runnable) })

        assert.equal(await runner.finalContent(), TOLD)
        const roles = runner.messages.map(({ role }) => role).join(' ')
        assert.equal(roles, 'user assistant tool tool assistant tool assistant')
      })
    }

    const response_format = zodResponseFormat(SCHEMA, 'forecast')

    test('structured output is parsed', async () => {
      const answer = await client.chat.completions.parse({ model, messages, response_format })

      assert.deepEqual(answer.choices[0].message.parsed, VALUE)
    })

    test('structured output is parsed from a stream', async () => {
      const stream = client.chat.completions.stream({ model, messages, response_format })

      assert.deepEqual((await stream.finalChatCompletion()).choices[0].message.parsed, VALUE)
    })
  })

  describe(`responses over ${upstream}`, () => {
    const ask = { model, input: 'Say hello.', store: false }

    test('a text is the text', async () => {
      const answer = await client.responses.create(ask)

      assert.equal(answer.output_text, TEXT)
      assert.equal(answer.status, 'completed')
    })

    test('the stream helper puts the text together', async () => {
      const stream = client.responses.stream(ask)
      const pieces = []
      stream.on('response.output_text.delta', ({ delta }) => pieces.push(delta))

      assert.equal((await stream.finalResponse()).output_text, TEXT)
      assert.equal(pieces.join(''), TEXT)
    })

    for (const stream of [false, true]) {
      test(`a loop of tools takes two steps${stream ? ', streamed' : ''}`, async () => {
        assert.deepEqual(await loop(ask, stream), { steps: 3, text: TOLD })
      })
    }

    const text = { format: zodTextFormat(SCHEMA, 'forecast') }

    test('structured output is parsed', async () => {
      assert.deepEqual((await client.responses.parse({ ...ask, text })).output_parsed, VALUE)
    })

    test('structured output is parsed from a stream', async () => {
      assert.deepEqual((await client.responses.stream({ ...ask, text }).finalResponse()).output_parsed, VALUE)
    })
  })
}

function runnable(tool) {
  const { name, description, argument, run } = tool
  const called = (given) => run(given[argument])
  const told = { name, description, parameters: parameters(tool) }
  return { type: 'function', function: { ...told, parse: JSON.parse, function: called } }
}

/** Asks until nothing is called any more, with the whole conversation each time. */
async function loop(ask, stream) {
  const tools = TOOLS.map((tool) => ({
    type: 'function',
    name: tool.name,
    description: tool.description,
    parameters: parameters(tool),
    strict: true,
  }))
  const input = [{ role: 'user', content: ask.input }]
  const include = ['reasoning.encrypted_content']
  for (let steps = 1; ; steps++) {
    const body = { ...ask, input, tools, include, reasoning: { effort: 'low', summary: 'auto' } }
    const answer = stream ? await client.responses.stream(body).finalResponse() : await client.responses.create(body)
    const calls = answer.output.filter(({ type }) => type === 'function_call')
    if (calls.length === 0) return { steps, text: answer.output_text }
    // What the SDK parsed for us it would send back, and no service knows it.
    input.push(...answer.output.map(({ parsed_arguments, ...item }) => item), ...calls.map(result))
  }
}

function result({ call_id, name, arguments: given }) {
  const tool = TOOLS.find((tool) => tool.name === name)
  return { type: 'function_call_output', call_id, output: tool.run(JSON.parse(given)[tool.argument]) }
}
