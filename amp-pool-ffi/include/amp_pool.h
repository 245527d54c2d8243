/*
 * AMP Pool: a key pool for language-model APIs.
 *
 * Handles are numbers, 0 is none, and a wrong one is an error. A function that returns int32_t gives its results
 * through its last parameters, written only when it returns AMP_POOL_OK; above 0 nothing failed and nothing was
 * given, below 0 it failed and amp_pool_last_error says why. What goes in is copied; text is UTF-8, with its
 * length and without NUL. Times are milliseconds. A pool may be used by many threads at once, the body of a call
 * by one at a time.
 */

#ifndef AMP_POOL_H
#define AMP_POOL_H

/* Written by `AMP_POOL_WRITE_HEADER=1 cargo test -p amp-pool-ffi --test header`. Do not change it here. */

#include <stddef.h>
#include <stdint.h>

/**
 * The number that `amp_pool_abi_version` returns.
 */
#define AMP_POOL_ABI_VERSION 1

/**
 * A wait without an end.
 */
#define AMP_POOL_FOREVER UINT32_MAX

/**
 * Done.
 */
#define AMP_POOL_OK 0

/**
 * There is no more: the answer, or the stream of events, has ended as it should.
 */
#define AMP_POOL_END 1

/**
 * The time was up before anything came. Nothing was lost; ask again.
 */
#define AMP_POOL_TIMEOUT 2

/**
 * There is no such thing, such as a header that the answer does not have.
 */
#define AMP_POOL_NONE 3

/**
 * A callback asked to stop. What it did not see is still there.
 */
#define AMP_POOL_STOPPED 4

/**
 * An argument can not be used: null where something is needed, text that is not UTF-8, a length beyond reason.
 */
#define AMP_POOL_INVALID_ARGUMENT -1

/**
 * The handle was freed, or never was one.
 */
#define AMP_POOL_INVALID_HANDLE -2

/**
 * The handle is one of another kind.
 */
#define AMP_POOL_WRONG_HANDLE -3

/**
 * Another thread waits in this call, or this one does in a callback.
 */
#define AMP_POOL_BUSY -4

/**
 * The call was cancelled.
 */
#define AMP_POOL_CANCELLED -5

/**
 * The configuration can not be used. The message names the field.
 */
#define AMP_POOL_INVALID_CONFIG -6

/**
 * What is needed can not be had: the data directory, the database, the address, a thread.
 */
#define AMP_POOL_UNAVAILABLE -7

/**
 * The answer broke off. What came of it before was given.
 */
#define AMP_POOL_BROKEN -8

/**
 * The library made a mistake that it noticed. The handle is of no use any more; free it.
 */
#define AMP_POOL_PANICKED -9

/**
 * This library was built without what is asked for.
 */
#define AMP_POOL_UNSUPPORTED -10

/**
 * There are as many handles as there can be.
 */
#define AMP_POOL_TOO_MANY -11

/**
 * A call and its answer. 0 is none.
 */
typedef uint64_t AmpPoolCall;

/**
 * What takes the pieces of an answer. Returns 0 to go on, anything else to stop.
 */
typedef int32_t (*AmpPoolEach)(void *context, const uint8_t *data, size_t length);

/**
 * A pool. 0 is none.
 */
typedef uint64_t AmpPool;

/**
 * A server inside the program. 0 is none.
 */
typedef uint64_t AmpPoolServer;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Waits for the head of the answer, and gives its status, such as 200.
 *
 * `status` may be null.
 */
int32_t amp_pool_call_head(AmpPoolCall call, uint32_t timeout_ms, uint16_t *status);

/**
 * Gives the first value of the header `name`, or `AMP_POOL_NONE`; before the head has come, `AMP_POOL_TIMEOUT`.
 *
 * The value is valid until the call is freed. It does not end with NUL.
 */
int32_t amp_pool_call_header(AmpPoolCall call,
                             const uint8_t *name,
                             size_t name_length,
                             const uint8_t **value,
                             size_t *length);

/**
 * Gives all headers as a text with `name: value` in each line; before the head has come, `AMP_POOL_TIMEOUT`.
 *
 * The text is valid until the call is freed. It does not end with NUL.
 */
int32_t amp_pool_call_headers(AmpPoolCall call, const uint8_t **text, size_t *length);

/**
 * Waits for the next piece of the body. `AMP_POOL_END` after the last one.
 *
 * A piece is as large as it came; only streams and large answers have more than one. It is valid until the next function
 * that takes from this call's body, or frees it. The answer ends only when its record is in the books.
 */
int32_t amp_pool_call_next(AmpPoolCall call,
                           uint32_t timeout_ms,
                           const uint8_t **data,
                           size_t *length);

/**
 * Waits for the next event of a stream of server-sent events. `AMP_POOL_END` after the last one.
 *
 * `name` is the value of `event:`, or empty; `data` that of `data:`, its lines joined by newlines, such as `[DONE]`. Both are
 * valid until the next function that takes from this call's body, or frees it. An answer that is no such stream has no events:
 * look at the status and at `content-type` first.
 */
int32_t amp_pool_call_event(AmpPoolCall call,
                            uint32_t timeout_ms,
                            const uint8_t **name,
                            size_t *name_length,
                            const uint8_t **data,
                            size_t *data_length);

/**
 * Waits for the next event, as `amp_pool_call_event` does, and gives it together with those that are there already.
 *
 * It saves languages that pay for each function call from paying for each event. `text` is the names and the data of `count`
 * events behind each other: name, data, name, data. `ends` has two numbers an event, where in `text` its name ends, and where its
 * data does; the name of each begins where the data of the one before it ends, the first at 0. Both are valid until the next
 * function that takes from this call's body, or frees it.
 */
int32_t amp_pool_call_events(AmpPoolCall call,
                             uint32_t timeout_ms,
                             const uint8_t **text,
                             const size_t **ends,
                             size_t *count);

/**
 * Waits for the end of the answer, and gives all of its body that was not taken yet.
 *
 * What has come stays when the time is up; ask again. It is valid until the next function that takes from this call's body,
 * or frees it. Of an answer that broke off only `amp_pool_call_next` gives what came.
 */
int32_t amp_pool_call_collect(AmpPoolCall call,
                              uint32_t timeout_ms,
                              const uint8_t **data,
                              size_t *length);

/**
 * Hands each piece of the body to `each`, on this thread, until the end: `AMP_POOL_END`.
 *
 * `timeout_ms` is the longest wait for a single piece. The callback may cancel the call, and may free it; the function returns
 * then as it does when another thread does so. It can not take from the same call.
 */
int32_t amp_pool_call_each(AmpPoolCall call,
                           uint32_t timeout_ms,
                           AmpPoolEach each,
                           void *context);

/**
 * Ends a call from any thread. Who waits in it gets `AMP_POOL_CANCELLED`; what it used until now is in the books.
 */
int32_t amp_pool_call_cancel(AmpPoolCall call);

/**
 * Frees a call, and cancels it if it goes on. Freeing 0 does nothing.
 *
 * A thread that still waits in it gets `AMP_POOL_CANCELLED`.
 */
int32_t amp_pool_call_free(AmpPoolCall call);

/**
 * Opens a pool.
 *
 * `config` is a JSON object, or empty. `keys` lists upstream keys (`name`, `provider`, `api_key`; if you like `base_url`,
 * `models`, `priority`, `weight`, `proxy`, `user_agent`), `tokens` client tokens (`name`, `secret`); both are added unless they
 * are there. Every other member is a setting of the server by the name of its flag, such as `data_dir`. Without `data_dir` and
 * `database_url` everything is in memory. The environment has no say. Blocks until the pool can take calls, which may take as
 * long as a migration of its database does.
 */
int32_t amp_pool_new(const uint8_t *config,
                     size_t config_length,
                     AmpPool *pool);

/**
 * Frees a pool. Its calls go on; the last of their handles closes the books, ends the threads, and waits for that.
 *
 * Freeing 0 does nothing.
 */
int32_t amp_pool_free(AmpPool pool);

/**
 * Whether the pool takes calls: `AMP_POOL_OK`, or `AMP_POOL_NONE` when it drains or its books can not be written.
 */
int32_t amp_pool_is_ready(AmpPool pool);

/**
 * Refuses new calls from here on. Calls under way go on.
 */
int32_t amp_pool_drain(AmpPool pool);

/**
 * Waits until every call that has ended so far is in the books, at most `timeout_ms`.
 */
int32_t amp_pool_flush(AmpPool pool, uint32_t timeout_ms);

/**
 * Begins a call of the pool, such as `POST /v1/chat/completions`.
 *
 * `headers` is a text with `name: value` in each line, one of them `authorization: Bearer` with a client token, or another
 * header that carries one. A value with a line end in it would be two headers. All is copied. Returns at once: failures of the
 * call, such as a token that nobody knows, are answers with the status and body that a server would send.
 */
int32_t amp_pool_call_start(AmpPool pool,
                            const uint8_t *method,
                            size_t method_length,
                            const uint8_t *path,
                            size_t path_length,
                            const uint8_t *headers,
                            size_t headers_length,
                            const uint8_t *body,
                            size_t body_length,
                            AmpPoolCall *call);

/**
 * Begins a request to the admin API, such as `GET /api/keys`, in the shapes that the server has.
 *
 * Nobody is asked for a token: the program is trusted. The answer is taken like that of a call. Without a `content-type` the
 * body is JSON.
 */
int32_t amp_pool_admin_start(AmpPool pool,
                             const uint8_t *method,
                             size_t method_length,
                             const uint8_t *path,
                             size_t path_length,
                             const uint8_t *headers,
                             size_t headers_length,
                             const uint8_t *body,
                             size_t body_length,
                             AmpPoolCall *call);

/**
 * Starts a server: the pool with its gateway, its admin API and its web UI on a port.
 *
 * `config` is a JSON object as for `amp_pool_new`, with `host` and `port` (0 takes a free one) among the settings. Nothing is
 * proxied before there is an admin: give `amp_pool_admin_token` or `admin_password`, or make one by `POST /api/users` of the
 * admin API. Blocks until the server listens.
 */
int32_t amp_pool_server_start(const uint8_t *config,
                              size_t config_length,
                              AmpPoolServer *server);

/**
 * Gives where the server listens, such as `http://127.0.0.1:8000`.
 *
 * The text is valid until the server is freed. It does not end with NUL.
 */
int32_t amp_pool_server_address(AmpPoolServer server, const uint8_t **text, size_t *length);

/**
 * Gives a handle of the server's pool, for calls and the admin API without the network. Free it with `amp_pool_free`.
 */
int32_t amp_pool_server_pool(AmpPoolServer server,
                             AmpPool *pool);

/**
 * Stops the server: nothing new is taken, what runs may finish. `AMP_POOL_TIMEOUT` when something still does after
 * `timeout_ms`; ask again, or free the server to break it off.
 */
int32_t amp_pool_server_stop(AmpPoolServer server,
                             uint32_t timeout_ms);

/**
 * Frees a server: stops it, breaks off what still runs, and waits until all is in the books. Freeing 0 does nothing.
 */
int32_t amp_pool_server_free(AmpPoolServer server);

/**
 * The version of the library, such as `0.1.0`.
 *
 * The text ends with NUL, is the same for as long as the library is loaded, and must not be freed.
 */
const char *amp_pool_version(void);

/**
 * The version of the binary interface that this library keeps.
 *
 * It grows when a program compiled for the older one would go wrong; new functions alone do not change it. A program
 * compares it with the `AMP_POOL_ABI_VERSION` it was compiled with, and stops when they differ.
 */
uint32_t amp_pool_abi_version(void);

/**
 * The meaning of a status in a few words, such as `invalid handle`.
 *
 * The text ends with NUL, is the same for as long as the library is loaded, and must not be freed.
 */
const char *amp_pool_status_text(int32_t status);

/**
 * Why the last function that failed on this thread did, in UTF-8. Empty if none has.
 *
 * The text ends with NUL and is never null; `length`, which may be null, is its length without that. It is valid until this
 * thread calls the library again.
 */
const char *amp_pool_last_error(size_t *length);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* AMP_POOL_H */
