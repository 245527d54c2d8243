// The server before the scripted upstream of `tests/sdk`, for the tests of one file.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** The formats of the upstreams, each with a key of its own. */
export const UPSTREAMS = ['chat', 'messages', 'responses']

/** What the upstream says to who asks for nothing in particular. */
export const TEXT = 'Grüße, 世界 👋 from up there.'

/** What a client is told at the end of a loop over `tools`. */
export const TOLD = 'I was told: 4 °C in Zürich; noon in Zürich; noted Zürich.'

/** What structured output holds when it is what `SCHEMA` in the tests asks for. */
export const VALUE = { city: 'Zürich', days: 3, tags: ['Zürich'], wind: { speed: 1.5 } }

/** The tools, each with what it takes and what it answers. The upstream calls the last one alone, after the others. */
export const TOOLS = [
  { name: 'get_weather', description: 'The weather of a city.', argument: 'city', run: (city) => `4 °C in ${city}` },
  { name: 'get_time', description: 'The time in a zone.', argument: 'zone', run: (zone) => `noon in ${zone}` },
  { name: 'write_note', description: 'Writes something down.', argument: 'text', run: (text) => `noted ${text}` },
]

/** Opens the house: where it is, the token for it, and `close`, which fails when anything was amiss in it. */
export async function openHouse() {
  const sdk = fileURLToPath(new URL('../sdk/', import.meta.url))
  const python = process.env.AMP_POOL_PYTHON ?? fileURLToPath(new URL('../../../.venv/bin/python', import.meta.url))
  const child = spawn(python, ['house.py'], { cwd: sdk, stdio: ['pipe', 'pipe', 'pipe'] })
  const ended = new Promise((resolve) => child.once('close', resolve))
  let complaints = ''
  child.stderr.on('data', (data) => (complaints += data))
  const line = await new Promise((resolve) => {
    createInterface({ input: child.stdout }).once('line', resolve)
    ended.then(() => resolve(undefined))
  })
  assert.ok(line, `the house did not open:\n${complaints}`)
  return { ...JSON.parse(line), close: () => close(child, ended, () => complaints) }
}

async function close(child, ended, complaints) {
  child.stdin.end()
  const code = await ended
  assert.equal(code, 0, complaints())
}
