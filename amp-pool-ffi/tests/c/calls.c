/* Calls as programs make them: whole answers, streams, events, callbacks, cancel, and the books. */
#include "check.h"

static void whole_answer(AmpPool pool)
{
    const uint8_t *data = NULL;
    size_t length = 0;
    uint16_t status = 0;
    AmpPoolCall call = ask(pool, "gpt-4o-mini", "false");

    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_head(call, 10000, &status));
    CHECK_THAT(status == 200);
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_header(call, bytes("Content-Type"), 12, &data, &length));
    CHECK_THAT(length == 16 && memcmp(data, "application/json", 16) == 0);
    CHECK_STATUS(AMP_POOL_NONE, amp_pool_call_header(call, bytes("x-nothing"), 9, &data, &length));
    CHECK_STATUS(AMP_POOL_NONE, amp_pool_call_header(call, bytes("no name"), 7, &data, &length));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_headers(call, &data, &length));
    CHECK_THAT(has(data, length, "x-request-id: "));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_collect(call, 10000, &data, &length));
    CHECK_THAT(has(data, length, "\"hello\""));
    CHECK_STATUS(AMP_POOL_END, amp_pool_call_next(call, 0, &data, &length));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_free(call));
}

static void stream_of_events(AmpPool pool)
{
    const uint8_t *name = NULL, *data = NULL;
    size_t name_length = 0, length = 0;
    int words = 0, done = 0, status;
    AmpPoolCall call = ask(pool, "gpt-4o-mini", "true");

    while ((status = amp_pool_call_event(call, 10000, &name, &name_length, &data, &length)) == AMP_POOL_OK) {
        words += has(data, length, "\"content\":\"word ");
        done += length == 6 && memcmp(data, "[DONE]", 6) == 0;
        CHECK_THAT(name_length == 0);
    }
    CHECK_STATUS(AMP_POOL_END, status);
    CHECK_THAT(words == 20 && done == 1);
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_free(call));
}

/* The same stream, the first event alone and the others as they lie there. */
static void events_at_once(AmpPool pool)
{
    const uint8_t *name = NULL, *data = NULL, *text = NULL;
    const size_t *ends = NULL;
    size_t name_length = 0, length = 0, count = 0, at;
    int words = 0, done = 0, status;
    AmpPoolCall call = ask(pool, "gpt-4o-mini", "true");

    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_event(call, 10000, &name, &name_length, &data, &length));
    CHECK_THAT(has(data, length, "\"content\":\"word 0 "));
    while ((status = amp_pool_call_events(call, 10000, &text, &ends, &count)) == AMP_POOL_OK) {
        CHECK_THAT(count > 0 && ends[0] == 0);
        for (at = 0; at < count; at++) {
            data = text + ends[2 * at];
            length = ends[2 * at + 1] - ends[2 * at];
            CHECK_THAT(at == 0 || ends[2 * at] == ends[2 * at - 1]);
            words += has(data, length, "\"content\":\"word ") && data[length - 1] == '}';
            done += length == 6 && memcmp(data, "[DONE]", 6) == 0;
        }
    }
    CHECK_STATUS(AMP_POOL_END, status);
    CHECK_THAT(words == 19 && done == 1);
    CHECK_STATUS(AMP_POOL_END, amp_pool_call_events(call, 0, &text, &ends, &count));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_free(call));

    /* What came of a stream that broke is given before that is told. */
    words = 0;
    call = ask(pool, "gpt-cut", "true");
    while ((status = amp_pool_call_events(call, 10000, &text, &ends, &count)) == AMP_POOL_OK) {
        for (at = 0; at < count; at++) {
            words += has(text + ends[2 * at], ends[2 * at + 1] - ends[2 * at], "\"content\":\"word ");
        }
    }
    CHECK_THAT(words == 3 && (status == AMP_POOL_BROKEN || status == AMP_POOL_END));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_free(call));
}

struct seen {
    AmpPoolCall call;
    int pieces, stop_after, free_after, busy;
};

static int32_t see(void *context, const uint8_t *data, size_t length)
{
    struct seen *seen = (struct seen *)context;
    const uint8_t *other = NULL;
    size_t other_length = 0;
    CHECK_THAT(data != NULL && length > 0);
    seen->pieces++;
    /* It can not take from the call it is in. */
    seen->busy += amp_pool_call_next(seen->call, 0, &other, &other_length) == AMP_POOL_BUSY;
    if (seen->pieces == seen->free_after) {
        CHECK_STATUS(AMP_POOL_OK, amp_pool_call_free(seen->call));
        /* What was given is there until the callback returns. */
        CHECK_THAT(has(data, length, "data:"));
    }
    return seen->pieces == seen->stop_after;
}

static void callbacks(AmpPool pool)
{
    struct seen seen = {0, 0, 0, 0, 0};
    const uint8_t *data = NULL;
    size_t length = 0;

    seen.call = ask(pool, "gpt-4o-mini", "true");
    CHECK_STATUS(AMP_POOL_END, amp_pool_call_each(seen.call, 10000, see, &seen));
    CHECK_THAT(seen.pieces > 0 && seen.busy == seen.pieces);
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_free(seen.call));

    seen.pieces = 0;
    seen.stop_after = 1;
    seen.call = ask(pool, "gpt-slow", "true");
    CHECK_STATUS(AMP_POOL_STOPPED, amp_pool_call_each(seen.call, 10000, see, &seen));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_collect(seen.call, 10000, &data, &length));
    CHECK_THAT(has(data, length, "[DONE]"));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_free(seen.call));

    seen.pieces = seen.busy = seen.stop_after = 0;
    seen.free_after = 1;
    seen.call = ask(pool, "gpt-slow", "true");
    CHECK_STATUS(AMP_POOL_CANCELLED, amp_pool_call_each(seen.call, 10000, see, &seen));
    CHECK_STATUS(AMP_POOL_INVALID_HANDLE, amp_pool_call_cancel(seen.call));
}

static void waiting_and_cancelling(AmpPool pool)
{
    const uint8_t *data = NULL;
    size_t length = 0;
    uint16_t status = 0;
    AmpPoolCall call = ask(pool, "gpt-hang", "true");

    CHECK_STATUS(AMP_POOL_TIMEOUT, amp_pool_call_head(call, 0, &status));
    CHECK_STATUS(AMP_POOL_TIMEOUT, amp_pool_call_headers(call, &data, &length));
    CHECK_STATUS(AMP_POOL_TIMEOUT, amp_pool_call_next(call, 20, &data, &length));
    CHECK_STATUS(AMP_POOL_TIMEOUT, amp_pool_call_collect(call, 20, &data, &length));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_cancel(call));
    CHECK_STATUS(AMP_POOL_CANCELLED, amp_pool_call_next(call, AMP_POOL_FOREVER, &data, &length));
    CHECK_STATUS(AMP_POOL_CANCELLED, amp_pool_call_head(call, AMP_POOL_FOREVER, &status));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_cancel(call));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_free(call));
}

static void broken_answer(AmpPool pool)
{
    const uint8_t *data = NULL;
    size_t length = 0;
    int32_t status;
    int told = 0;
    AmpPoolCall call = ask(pool, "gpt-cut", "true");
    while ((status = amp_pool_call_next(call, 10000, &data, &length)) == AMP_POOL_OK) {
        told += has(data, length, "error");
    }
    /* A stream that broke ends with an error event of its format, or as broken. Never as if it were whole. */
    CHECK_THAT(status == AMP_POOL_BROKEN || (status == AMP_POOL_END && told == 1));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_free(call));
}

/* One request to the admin API, and whether its answer has `text`. */
static int admin_says(AmpPool pool, const char *method, const char *path, const char *body, uint16_t expected,
                      const char *text)
{
    const uint8_t *data = NULL;
    size_t length = 0;
    uint16_t status = 0;
    int found;
    AmpPoolCall call = 0;
    CHECK_STATUS(AMP_POOL_OK, amp_pool_admin_start(pool, bytes(method), strlen(method), bytes(path), strlen(path), NULL, 0,
                                                   bytes(body), strlen(body), &call));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_head(call, 10000, &status));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_collect(call, 10000, &data, &length));
    CHECK_THAT(status == expected);
    found = has(data, length, text);
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_free(call));
    return found;
}

static void books_and_admin(AmpPool pool)
{
    CHECK_STATUS(AMP_POOL_OK, amp_pool_flush(pool, 10000));
    CHECK_THAT(admin_says(pool, "GET", "/api/requests?limit=1", "", 200, "\"items\":[{"));
    CHECK_THAT(admin_says(pool, "GET", "/api/keys", "", 200, "\"name\":\"k\""));
    CHECK_THAT(admin_says(pool, "POST", "/api/tokens", "{\"name\":\"second\"}", 201, "\"token\":\"amp-"));
    CHECK_THAT(admin_says(pool, "GET", "/api/audit", "", 200, "host program"));
    CHECK_THAT(admin_says(pool, "POST", "/api/keys", "{\"name\":7}", 400, "name"));
    CHECK_THAT(admin_says(pool, "GET", "/api/nothing", "", 404, "error"));
}

static void strangers(AmpPool pool)
{
    uint16_t status = 0;
    AmpPoolCall call = 0;
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_start(pool, bytes("POST"), 4, bytes(CHAT), strlen(CHAT), NULL, 0, NULL, 0, &call));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_head(call, 10000, &status));
    CHECK_THAT(status == 401);
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_free(call));
}

static void handles_in_any_order(void)
{
    const uint8_t *data = NULL;
    size_t length = 0;
    uint16_t status = 0;
    AmpPool pool = open_pool();
    AmpPoolCall call = ask(pool, "gpt-4o-mini", "true"), hangs = ask(pool, "gpt-hang", "true"), late;

    /* Both are under way. */
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_head(call, 10000, &status));
    CHECK_STATUS(AMP_POOL_TIMEOUT, amp_pool_call_head(hangs, 50, &status));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_is_ready(pool));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_drain(pool));
    CHECK_STATUS(AMP_POOL_NONE, amp_pool_is_ready(pool));
    late = ask(pool, "gpt-4o-mini", "true");
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_head(late, 10000, &status));
    CHECK_THAT(status == 503);
    CHECK_STATUS(AMP_POOL_OK, amp_pool_free(pool));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_collect(call, 10000, &data, &length));
    CHECK_THAT(has(data, length, "[DONE]"));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_free(hangs));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_free(late));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_free(call));
}

int main(int count, char **arguments)
{
    AmpPool pool;
    if (count != 2) {
        return 2;
    }
    upstream = arguments[1];
    CHECK_THAT(amp_pool_abi_version() == AMP_POOL_ABI_VERSION);
    pool = open_pool();
    whole_answer(pool);
    stream_of_events(pool);
    events_at_once(pool);
    callbacks(pool);
    waiting_and_cancelling(pool);
    broken_answer(pool);
    strangers(pool);
    books_and_admin(pool);
    CHECK_STATUS(AMP_POOL_OK, amp_pool_free(pool));
    handles_in_any_order();
    puts("calls: all as they should be");
    return 0;
}
