/* Every function, misused in every way that can be told from right use: error codes, and nothing else. */
#include "check.h"

static const char BAD_UTF8[] = "\xff\xfe{}";
static const size_t HUGE_LENGTHS[] = {SIZE_MAX, SIZE_MAX / 2 + 1, (size_t)1 << 63};
#define EACH_HUGE(at) for (at = 0; at < sizeof HUGE_LENGTHS / sizeof HUGE_LENGTHS[0]; at++)

static int32_t start(AmpPool pool, const char *method, size_t method_length, const char *path, size_t path_length,
                     const char *headers, size_t headers_length, const char *body, size_t body_length, AmpPoolCall *call)
{
    int32_t first = amp_pool_call_start(pool, bytes(method), method_length, bytes(path), path_length, bytes(headers),
                                        headers_length, bytes(body), body_length, call);
    int32_t second = amp_pool_admin_start(pool, bytes(method), method_length, bytes(path), path_length, bytes(headers),
                                          headers_length, bytes(body), body_length, call);
    CHECK_THAT(first == second);
    return first;
}

static void configurations(void)
{
    static const char *const WRONG[] = {
        "[", "[]", "7", "null ", "{\"keys\":7}", "{\"keys\":[{}]}", "{\"prot\":1}", "{\"port\":\"many\"}",
        "{\"keys\":[{\"name\":\"\",\"provider\":\"openai\",\"api_key\":\"k\"}]}",
        "{\"keys\":[{\"name\":\"a\",\"provider\":\"nobody\",\"api_key\":\"k\"}]}",
        "{\"keys\":[{\"name\":\"a\",\"provider\":\"openai\",\"api_key\":\"k\",\"proxy\":\"ftp://h\"}]}",
    };
    size_t at;
    uint64_t handle = 77;
    for (at = 0; at < sizeof WRONG / sizeof WRONG[0]; at++) {
        CHECK_STATUS(AMP_POOL_INVALID_CONFIG, amp_pool_new(bytes(WRONG[at]), strlen(WRONG[at]), &handle));
        CHECK_THAT(strlen(amp_pool_last_error(NULL)) > 0);
        CHECK_STATUS(AMP_POOL_INVALID_CONFIG, amp_pool_server_start(bytes(WRONG[at]), strlen(WRONG[at]), &handle));
    }
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, amp_pool_new(bytes(BAD_UTF8), 4, &handle));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, amp_pool_server_start(bytes(BAD_UTF8), 4, &handle));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, amp_pool_new(NULL, 2, &handle));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, amp_pool_server_start(NULL, 2, &handle));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, amp_pool_new(NULL, 0, NULL));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, amp_pool_server_start(NULL, 0, NULL));
    EACH_HUGE(at)
    {
        CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, amp_pool_new(bytes("{}"), HUGE_LENGTHS[at], &handle));
        CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, amp_pool_server_start(bytes("{}"), HUGE_LENGTHS[at], &handle));
    }
    CHECK_STATUS(AMP_POOL_UNAVAILABLE, amp_pool_new(bytes("{\"data_dir\":\"/dev/null/x\"}"), 26, &handle));
    CHECK_THAT(handle == 77);
}

static void requests(AmpPool pool)
{
    AmpPoolCall call = 77;
    size_t at;
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, start(pool, NULL, 0, "/v1", 3, NULL, 0, NULL, 0, &call));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, start(pool, "GET", 3, NULL, 0, NULL, 0, NULL, 0, &call));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, start(pool, "GET", 3, "v1", 2, NULL, 0, NULL, 0, &call));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, start(pool, "GET", 3, "/v1", 3, "x", 1, NULL, 0, &call));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, start(pool, BAD_UTF8, 2, "/v1", 3, NULL, 0, NULL, 0, &call));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, start(pool, "GET", 3, BAD_UTF8, 2, NULL, 0, NULL, 0, &call));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, start(pool, "GET", 3, "/v1", 3, BAD_UTF8, 2, NULL, 0, &call));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, start(pool, "GET", 3, "/v1", 3, NULL, 0, NULL, 1, &call));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, start(pool, "GET", 3, "/v1", 3, NULL, 0, NULL, 0, NULL));
    EACH_HUGE(at)
    {
        CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, start(pool, "GET", HUGE_LENGTHS[at], "/v1", 3, NULL, 0, NULL, 0, &call));
        CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, start(pool, "GET", 3, "/v1", HUGE_LENGTHS[at], NULL, 0, NULL, 0, &call));
        CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, start(pool, "GET", 3, "/v1", 3, "", HUGE_LENGTHS[at], NULL, 0, &call));
        CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, start(pool, "GET", 3, "/v1", 3, NULL, 0, "", HUGE_LENGTHS[at], &call));
    }
    CHECK_THAT(call == 77);
}

static void bodies(AmpPool pool)
{
    const uint8_t *data = NULL;
    size_t length = 0, size = (size_t)40 << 20;
    uint16_t status = 0;
    AmpPoolCall call = 0;
    char *large = (char *)malloc(size);
    CHECK_THAT(large != NULL);
    memset(large, ' ', size);
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_start(pool, bytes("POST"), 4, bytes(CHAT), strlen(CHAT), bytes(HEADERS),
                                                  strlen(HEADERS), bytes(large), size, &call));
    free(large);
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_head(call, 30000, &status));
    CHECK_THAT(status == 413);
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_free(call));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_start(pool, bytes("POST"), 4, bytes(CHAT), strlen(CHAT), bytes(HEADERS),
                                                  strlen(HEADERS), bytes(BAD_UTF8), 4, &call));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_collect(call, 10000, &data, &length));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_head(call, 10000, &status));
    CHECK_THAT(status == 400);
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_free(call));
}

static int32_t never(void *context, const uint8_t *data, size_t length)
{
    (void)context, (void)data, (void)length;
    CHECK_THAT(!"called");
    return 0;
}

/* Every function of a call with `call`. */
static void calls_are(int32_t expected, AmpPoolCall call)
{
    const uint8_t *data = bytes("untouched"), *other = data;
    const size_t *ends = NULL;
    size_t length = 77, other_length = 77;
    uint16_t status = 77;
    CHECK_STATUS(expected, amp_pool_call_head(call, AMP_POOL_FOREVER, &status));
    CHECK_STATUS(expected, amp_pool_call_header(call, bytes("a"), 1, &data, &length));
    CHECK_STATUS(expected, amp_pool_call_headers(call, &data, &length));
    CHECK_STATUS(expected, amp_pool_call_next(call, AMP_POOL_FOREVER, &data, &length));
    CHECK_STATUS(expected, amp_pool_call_event(call, AMP_POOL_FOREVER, &data, &length, &other, &other_length));
    CHECK_STATUS(expected, amp_pool_call_events(call, AMP_POOL_FOREVER, &data, &ends, &length));
    CHECK_STATUS(expected, amp_pool_call_collect(call, AMP_POOL_FOREVER, &data, &length));
    CHECK_STATUS(expected, amp_pool_call_each(call, AMP_POOL_FOREVER, never, NULL));
    CHECK_STATUS(expected, amp_pool_call_cancel(call));
    CHECK_STATUS(expected, amp_pool_call_free(call));
    CHECK_THAT(status == 77 && length == 77 && other_length == 77 && ends == NULL);
    CHECK_THAT(has(data, 9, "untouched") && has(other, 9, "untouched"));
}

static void pools_are(int32_t expected, AmpPool pool)
{
    AmpPoolCall call = 77;
    CHECK_STATUS(expected, amp_pool_is_ready(pool));
    CHECK_STATUS(expected, amp_pool_drain(pool));
    CHECK_STATUS(expected, amp_pool_flush(pool, AMP_POOL_FOREVER));
    CHECK_STATUS(expected, start(pool, "GET", 3, "/v1/models", 10, NULL, 0, NULL, 0, &call));
    CHECK_STATUS(expected, amp_pool_free(pool));
    CHECK_THAT(call == 77);
}

static void servers_are(int32_t expected, AmpPoolServer server)
{
    const uint8_t *data = bytes("untouched");
    size_t length = 77;
    AmpPool pool = 77;
    CHECK_STATUS(expected, amp_pool_server_address(server, &data, &length));
    CHECK_STATUS(expected, amp_pool_server_pool(server, &pool));
    CHECK_STATUS(expected, amp_pool_server_stop(server, AMP_POOL_FOREVER));
    CHECK_STATUS(expected, amp_pool_server_free(server));
    CHECK_THAT(length == 77 && pool == 77 && has(data, 9, "untouched"));
}

static void handles(AmpPool pool)
{
    static const uint64_t NONE[] = {1, 0x1000, UINT64_MAX, UINT64_MAX / 2, (uint64_t)1 << 63, (uint64_t)9 << 48};
    AmpPoolServer server = 0;
    AmpPoolCall call = ask(pool, "gpt-4o-mini", "false"), again;
    AmpPool second = open_pool();
    size_t at;
    CHECK_STATUS(AMP_POOL_OK, amp_pool_server_start(bytes("{\"port\":0}"), 10, &server));
    for (at = 0; at < sizeof NONE / sizeof NONE[0]; at++) {
        pools_are(AMP_POOL_INVALID_HANDLE, NONE[at]);
        calls_are(AMP_POOL_INVALID_HANDLE, NONE[at]);
        servers_are(AMP_POOL_INVALID_HANDLE, NONE[at]);
    }
    pools_are(AMP_POOL_WRONG_HANDLE, call);
    pools_are(AMP_POOL_WRONG_HANDLE, server);
    calls_are(AMP_POOL_WRONG_HANDLE, pool);
    calls_are(AMP_POOL_WRONG_HANDLE, server);
    servers_are(AMP_POOL_WRONG_HANDLE, pool);
    servers_are(AMP_POOL_WRONG_HANDLE, call);

    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_free(call));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_free(second));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_server_free(server));
    calls_are(AMP_POOL_INVALID_HANDLE, call);
    pools_are(AMP_POOL_INVALID_HANDLE, second);
    servers_are(AMP_POOL_INVALID_HANDLE, server);
    /* The place of a freed handle is taken again, and the old handle stays what it is. */
    again = ask(pool, "gpt-4o-mini", "false");
    CHECK_THAT(again != call);
    calls_are(AMP_POOL_INVALID_HANDLE, call);
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_free(again));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_free(0));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_free(0));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_server_free(0));
}

static void places(AmpPool pool)
{
    /* Misaligned places for results are refused; this one is never written. */
    static uint64_t room[2];
    unsigned char *odd = (unsigned char *)room + 1;
    const uint8_t *data = NULL;
    const size_t *ends = NULL;
    size_t length = 0, at;
    AmpPoolCall call = ask(pool, "gpt-4o-mini", "false");
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_head(call, 10000, NULL));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, amp_pool_call_head(call, 0, (uint16_t *)(void *)odd));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, amp_pool_call_header(call, NULL, 0, NULL, &length));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, amp_pool_call_header(call, NULL, 0, &data, NULL));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, amp_pool_call_header(call, NULL, 3, &data, &length));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, amp_pool_call_header(call, bytes(BAD_UTF8), 2, &data, &length));
    EACH_HUGE(at)
    {
        CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, amp_pool_call_header(call, bytes("a"), HUGE_LENGTHS[at], &data, &length));
    }
    CHECK_STATUS(AMP_POOL_NONE, amp_pool_call_header(call, NULL, 0, &data, &length));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, amp_pool_call_headers(call, NULL, &length));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, amp_pool_call_next(call, 0, &data, NULL));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, amp_pool_call_next(call, 0, (const uint8_t **)(void *)odd, &length));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, amp_pool_call_event(call, 0, NULL, &length, &data, &length));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, amp_pool_call_events(call, 0, NULL, &ends, &length));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, amp_pool_call_events(call, 0, &data, NULL, &length));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, amp_pool_call_events(call, 0, &data, &ends, NULL));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, amp_pool_call_events(call, 0, &data, (const size_t **)(void *)odd, &length));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, amp_pool_call_collect(call, 0, NULL, NULL));
    CHECK_STATUS(AMP_POOL_INVALID_ARGUMENT, amp_pool_call_each(call, 0, NULL, NULL));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_free(call));
}

static void texts(void)
{
    size_t length = 77;
    const char *text = amp_pool_last_error(&length);
    CHECK_THAT(strlen(text) == length);
    CHECK_THAT(amp_pool_last_error(NULL) != NULL);
    CHECK_THAT(strcmp(amp_pool_status_text(AMP_POOL_INVALID_HANDLE), "invalid handle") == 0);
    CHECK_THAT(strcmp(amp_pool_status_text(INT32_MIN), "failed") == 0);
    CHECK_THAT(strlen(amp_pool_version()) >= 5);
}

int main(int count, char **arguments)
{
    AmpPool pool;
    if (count != 2) {
        return 2;
    }
    upstream = arguments[1];
    CHECK_THAT(strlen(amp_pool_last_error(NULL)) == 0);
    configurations();
    pool = open_pool();
    requests(pool);
    bodies(pool);
    handles(pool);
    places(pool);
    texts();
    CHECK_STATUS(AMP_POOL_OK, amp_pool_free(pool));
    puts("misuse: all told by codes");
    return 0;
}
