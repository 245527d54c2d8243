// The Vercel AI SDK over every upstream, with each of its providers that speaks one of the formats.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import { createAnthropic } from '@ai-sdk/anthropic'
import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { generateText, isStepCount, Output, streamText, tool } from 'ai'
import { z } from 'zod'

import { openHouse, TEXT, TOLD, TOOLS, UPSTREAMS, VALUE } from './house.mjs'

const SCHEMA = z.object({
  city: z.string(),
  days: z.number().int(),
  tags: z.array(z.string()),
  wind: z.object({ speed: z.number() }),
})

let house
before(async () => {
  house = await openHouse()
})
after(() => house.close())

const settings = () => ({ baseURL: `${house.url}/v1`, apiKey: house.token })

/** Each provider, with the beginning of the model's name that it is asked for, and what else a request has. */
const PROVIDERS = {
  'openai chat': ['gpt-5-mini', (name) => createOpenAI(settings()).chat(name)],
  // The service of these tests stores nothing, so that items come back whole and not as references.
  'openai responses': ['gpt-5-mini', (name) => createOpenAI(settings()).responses(name), { openai: { store: false } }],
  anthropic: ['claude-sonnet-4-5', (name) => createAnthropic(settings())(name)],
  'openai-compatible': ['gpt-4o-mini', (name) => compatible()(name)],
}

const compatible = () =>
  createOpenAICompatible({ name: 'pool', supportsStructuredOutputs: true, includeUsage: true, ...settings() })

const tools = Object.fromEntries(
  TOOLS.map(({ name, description, argument, run }) => {
    const inputSchema = z.object({ [argument]: z.string() })
    return [name, tool({ description, inputSchema, execute: (input) => run(input[argument]) })]
  }),
)

for (const upstream of UPSTREAMS) {
  for (const [provider, [name, make, providerOptions]] of Object.entries(PROVIDERS)) {
    describe(`${provider} over ${upstream}`, () => {
      /** What every request has. An error ends a test instead of being tried again. */
      const ask = (more) => ({
        model: make(`${name}-over-${upstream}`),
        prompt: 'Say hello.',
        maxRetries: 0,
        providerOptions,
        ...more,
      })

      /** The same of a stream, whose errors would only be printed. */
      const read = (more) => {
        const broken = []
        const result = streamText(ask({ ...more, onError: ({ error }) => broken.push(error) }))
        return { result, sound: () => assert.deepEqual(broken, []) }
      }

      test('a text is the text', async () => {
        const { text, finishReason } = await generateText(ask())

        assert.deepEqual([text, finishReason], [TEXT, 'stop'])
      })

      test('a stream is the text', async () => {
        const { result, sound } = read()
        const pieces = []
        for await (const piece of result.textStream) pieces.push(piece)

        sound()
        assert.equal(pieces.join(''), TEXT)
        assert.ok((await result.usage).totalTokens > 0)
      })

      const loop = { tools, stopWhen: isStepCount(5) }

      test('a loop of tools takes two steps', async () => {
        const { text, steps } = await generateText(ask(loop))

        assert.equal(text, TOLD)
        assert.deepEqual(steps.map(({ toolCalls }) => toolCalls.length), [2, 1, 0])
      })

      test('a loop of tools takes two steps, streamed', async () => {
        const { result, sound } = read(loop)
        const steps = await result.steps

        sound()
        assert.equal(await result.text, TOLD)
        assert.deepEqual(steps.map(({ toolCalls }) => toolCalls.length), [2, 1, 0])
      })

      const output = Output.object({ schema: SCHEMA })

      test('structured output is parsed', async () => {
        assert.deepEqual((await generateText(ask({ output }))).output, VALUE)
      })

      test('structured output is parsed from a stream', async () => {
        const { result, sound } = read({ output })
        const value = await result.output

        sound()
        assert.deepEqual(value, VALUE)
      })
    })
  }
}
