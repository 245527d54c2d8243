// AMP Pool for Node, by koffi: one file to copy.
//
//   using pool = new Pool({ keys: […], tokens: […] })     // or pool.close()
//   const call = pool.post('/v1/chat/completions', body, token)
//   for await (const { data } of call.events()) console.log(data)
//
// The library is found by AMP_POOL_LIBRARY, or where the system looks for libraries. Waits are on other threads: nothing here
// blocks the loop but opening and closing a pool or server.

import koffi from 'koffi'

const [OK, END, TIMEOUT] = [0, 1, 2]
const ABI = 1
// How long another thread waits in the library at a time; with many calls at once they share a few threads.
const SLICE_MS = 200

const lib = koffi.load(process.env.AMP_POOL_LIBRARY ?? 'libamp_pool.so.1')
const TEXT = (name) => `const char *${name}, size_t ${name}_length`
const REQUEST = ['method', 'path', 'headers', 'body'].map(TEXT).join(', ')
const TAKE = 'uint64_t handle, uint32_t timeout_ms, _Out_ void **data, _Out_ size_t *length'
const declare = (name, parameters) => lib.func(`int32_t amp_pool_${name}(${parameters})`)
const functions = {
  new: declare('new', `${TEXT('config')}, _Out_ uint64_t *pool`),
  free: declare('free', 'uint64_t pool'),
  flush: declare('flush', 'uint64_t pool, uint32_t timeout_ms'),
  call_start: declare('call_start', `uint64_t pool, ${REQUEST}, _Out_ uint64_t *call`),
  admin_start: declare('admin_start', `uint64_t pool, ${REQUEST}, _Out_ uint64_t *call`),
  call_head: declare('call_head', 'uint64_t call, uint32_t timeout_ms, _Out_ uint16_t *status'),
  call_headers: declare('call_headers', 'uint64_t call, _Out_ void **data, _Out_ size_t *length'),
  call_next: declare('call_next', TAKE),
  call_events: declare(
    'call_events',
    'uint64_t call, uint32_t timeout_ms, _Out_ void **text, _Out_ void **ends, _Out_ size_t *count',
  ),
  call_cancel: declare('call_cancel', 'uint64_t call'),
  call_free: declare('call_free', 'uint64_t call'),
  server_start: declare('server_start', `${TEXT('config')}, _Out_ uint64_t *server`),
  server_address: declare('server_address', 'uint64_t server, _Out_ void **data, _Out_ size_t *length'),
  server_pool: declare('server_pool', 'uint64_t server, _Out_ uint64_t *pool'),
  server_stop: declare('server_stop', 'uint64_t server, uint32_t timeout_ms'),
  server_free: declare('server_free', 'uint64_t server'),
}
const lastError = lib.func('const char *amp_pool_last_error(void *length)')
const abi = lib.func('uint32_t amp_pool_abi_version(void)')()
if (abi !== ABI) throw new Error(`this file is for version ${ABI} of the interface, not ${abi}`)

/** What the library says; `status` is its number. */
export class PoolError extends Error {
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

function run(name, ...given) {
  const status = functions[name](...given)
  if (status < 0) throw new PoolError(status, lastError(null))
  return status
}

/** Runs a function that takes a wait: what is there is taken here, only a wait goes to another thread. */
async function wait(name, handle, ...places) {
  for (;;) {
    let status = run(name, handle, 0, ...places)
    if (status !== TIMEOUT) return status
    status = await new Promise((resolve, reject) =>
      functions[name].async(handle, SLICE_MS, ...places, (error, found) => (error ? reject(error) : resolve(found))),
    )
    // A failure's message stays with the other thread; the function fails the same way here.
    if (status >= 0 && status !== TIMEOUT) return status
  }
}

const pair = (text) => {
  const bytes = Buffer.from(text)
  return [bytes, bytes.length]
}

/** A copy of bytes that the library keeps for a while. */
const taken = ([data], [length]) =>
  Number(length) === 0 ? Buffer.alloc(0) : Buffer.from(new Uint8Array(koffi.view(data, Number(length))))

/** The events of a batch: two ends each, those of their names and of their data in one text. */
function eventsIn([text], [ends], [count]) {
  const places = Array.from(new BigUint64Array(koffi.view(ends, 16 * Number(count))), Number)
  const bytes = taken([text], [places.at(-1)])
  const parts = places.map((end, at) => bytes.toString('utf8', places[at - 1] ?? 0, end))
  return Array.from({ length: parts.length / 2 }, (_, at) => ({ name: parts[2 * at], data: parts[2 * at + 1] }))
}

/** Owns a handle. */
class Owner {
  #free
  constructor(handle, free) {
    this.handle = handle
    this.#free = free
  }

  close() {
    const handle = this.handle
    this.handle = 0
    run(this.#free, handle)
  }

  [Symbol.dispose ?? Symbol.for('dispose')]() {
    this.close()
  }
}

/** A call and its answer. Who leaves a loop early cancels it; so does `close`. */
export class Call extends Owner {
  constructor(handle) {
    super(handle, 'call_free')
  }

  async status() {
    const status = [null]
    await wait('call_head', this.handle, status)
    return status[0]
  }

  async headers() {
    await this.status()
    const [data, length] = [[null], [null]]
    run('call_headers', this.handle, data, length)
    const lines = taken(data, length).toString('latin1').split('\n').filter(Boolean)
    return new Headers(lines.map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]))
  }

  /** The pieces of the body as they come. */
  async *[Symbol.asyncIterator]() {
    const [data, length] = [[null], [null]]
    try {
      while ((await wait('call_next', this.handle, data, length)) !== END) yield taken(data, length)
    } finally {
      this.close()
    }
  }

  /** The events of a stream as they come. */
  async *events() {
    const [text, ends, count] = [[null], [null], [null]]
    try {
      while ((await wait('call_events', this.handle, text, ends, count)) !== END) yield* eventsIn(text, ends, count)
    } finally {
      this.close()
    }
  }

  async json() {
    const pieces = []
    for await (const piece of this) pieces.push(piece)
    return JSON.parse(Buffer.concat(pieces).toString())
  }

  cancel() {
    run('call_cancel', this.handle)
  }
}

/** A pool in this process. */
export class Pool extends Owner {
  constructor(config = {}) {
    super(typeof config === 'number' || typeof config === 'bigint' ? config : made('new', config), 'free')
  }

  /** Begins a call. */
  call(method, path, headers = {}, body = '') {
    return this.#start('call_start', method, path, headers, body)
  }

  /** Begins a call with a JSON body. */
  post(path, body, token) {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    return this.call('POST', path, headers, JSON.stringify(body))
  }

  /** Asks the admin API, and gives what it says. */
  async admin(method, path, body) {
    const call = this.#start('admin_start', method, path, {}, body === undefined ? '' : JSON.stringify(body))
    const status = await call.status()
    const pieces = []
    for await (const piece of call) pieces.push(piece)
    const text = Buffer.concat(pieces).toString()
    if (status >= 400) throw new PoolError(status, text)
    return text === '' ? undefined : JSON.parse(text)
  }

  /** Waits until every call that has ended is in the books. */
  async flush() {
    return (await wait('flush', this.handle)) === OK
  }

  #start(name, method, path, headers, body) {
    const lines = Object.entries(headers).map(([name, value]) => {
      if (/[\r\n]/.test(name + value)) throw new TypeError(`a line end in the header ${name}`)
      return `${name}: ${value}`
    })
    const call = [null]
    run(name, this.handle, ...[method, path, lines.join('\n'), body].flatMap(pair), call)
    return new Call(call[0])
  }
}

/** A server in this process: gateway, admin API and UI on a port. */
export class Server extends Owner {
  constructor(config) {
    super(made('server_start', config), 'server_free')
  }

  get url() {
    const [data, length] = [[null], [null]]
    run('server_address', this.handle, data, length)
    return taken(data, length).toString()
  }

  /** Its pool, without the network. */
  pool() {
    const pool = [null]
    run('server_pool', this.handle, pool)
    return new Pool(pool[0])
  }

  /** Stops taking calls, and waits for those that run. */
  stop() {
    return wait('server_stop', this.handle)
  }
}

function made(name, config) {
  const handle = [null]
  run(name, ...pair(JSON.stringify(config)), handle)
  return handle[0]
}
