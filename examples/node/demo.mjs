// The pool from Node: a stream, five at once, a cancel, the admin API, a server.
//
// Run it beside an upstream by script:
//   cargo build -p amp-pool-ffi && (cd examples/node && npm ci)
//   AMP_POOL_LIBRARY=target/debug/libamp_pool.so cargo run -p amp-pool-examples --bin upstream -- node examples/node/demo.mjs

import assert from 'node:assert/strict'

import { Pool, PoolError, Server } from './amp_pool.mjs'

const TOKEN = 'amp-0123456789abcdef0123456789abcdef'
const CONFIG = {
  keys: [{ name: 'mine', provider: 'openai', api_key: 'sk-example', base_url: `${process.env.AMP_POOL_UPSTREAM}/v1` }],
  tokens: [{ name: 'me', secret: TOKEN }],
}
const CHAT = '/v1/chat/completions'

const ask = (model, stream = true) => ({ model, stream, messages: [{ role: 'user', content: 'Say hello' }] })

async function textOf(call) {
  let text = ''
  for await (const { data } of call.events()) {
    if (data !== '[DONE]') text += JSON.parse(data).choices[0]?.delta.content ?? ''
  }
  return text
}

async function stream(pool) {
  const call = pool.post(CHAT, ask('gpt-4o-mini'), TOKEN)
  console.log(await call.status(), (await call.headers()).get('content-type'))
  const text = await textOf(call)
  assert.ok(text.startsWith('word 0 word 1 ') && text.endsWith('word 19 '), text)

  const texts = await Promise.all(Array.from({ length: 5 }, () => textOf(pool.post(CHAT, ask('gpt-slow'), TOKEN))))
  assert.ok(texts.every((text) => text.endsWith('word 19 ')))
  console.log('five at once:', texts.length)
}

async function cancel(pool) {
  const call = pool.post(CHAT, ask('gpt-hang'), TOKEN)
  setTimeout(() => call.cancel(), 50)
  await assert.rejects(textOf(call), (error) => error instanceof PoolError && error.status === -5)

  // Who leaves early cancels.
  const left = pool.post(CHAT, ask('gpt-slow'), TOKEN)
  for await (const { data } of left.events()) {
    assert.match(data, /word 0/)
    break
  }
  assert.equal(left.handle, 0)
  console.log('cancelled twice')
}


async function admin(pool) {
  const { token } = await pool.admin('POST', '/api/tokens', { name: 'second' })
  const answer = await pool.post(CHAT, ask('gpt-4o-mini', false), token).json()
  assert.equal(answer.choices[0].message.content, 'hello')
  await pool.flush()
  const { items } = await pool.admin('GET', '/api/requests')
  assert.equal(items.length, 9)
  await assert.rejects(pool.admin('POST', '/api/keys', { name: 'no provider' }), /provider/)
  console.log('in the books:', items.length, 'calls')
}

async function server() {
  const server = new Server({ ...CONFIG, port: 0, amp_pool_admin_token: '0f1e2d3c4b5a69788796a5b4c3d2e1f0' })
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
  const body = JSON.stringify(ask('gpt-4o-mini', false))
  const answer = await fetch(server.url + CHAT, { method: 'POST', headers, body })
  assert.equal((await answer.json()).choices[0].message.content, 'hello')
  const pool = server.pool()
  await pool.flush()
  assert.equal((await pool.admin('GET', '/api/requests')).items.length, 1)
  console.log('served at', server.url)
  pool.close()
  await server.stop()
  server.close()
}

const pool = new Pool(CONFIG)
await stream(pool)
await cancel(pool)
await admin(pool)
pool.close()
await server()
