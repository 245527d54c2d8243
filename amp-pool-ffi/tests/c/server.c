/* A server inside a program: started, called from within, stopped, and what it kept is there the next time. */
#include "check.h"

static AmpPoolServer start_server(const char *data_dir)
{
    char config[2048], more[1024];
    AmpPoolServer server = 0;
    snprintf(more, sizeof more,
             "\"port\":0,\"data_dir\":\"%s\",\"amp_pool_admin_token\":\"0f1e2d3c4b5a69788796a5b4c3d2e1f0\",", data_dir);
    write_config(config, sizeof config, more);
    CHECK_STATUS(AMP_POOL_OK, amp_pool_server_start(bytes(config), strlen(config), &server));
    return server;
}

static void books_have(AmpPool pool, const char *text)
{
    const uint8_t *data = NULL;
    size_t length = 0;
    AmpPoolCall call = 0;
    CHECK_STATUS(AMP_POOL_OK, amp_pool_admin_start(pool, bytes("GET"), 3, bytes("/api/requests"), 13, NULL, 0, NULL, 0, &call));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_collect(call, 10000, &data, &length));
    CHECK_THAT(has(data, length, text));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_free(call));
}

int main(int count, char **arguments)
{
    const uint8_t *data = NULL;
    size_t length = 0;
    uint64_t second = 77;
    AmpPool pool = 0;
    AmpPoolCall call, hangs;
    AmpPoolServer server;
    char config[1024];
    if (count != 3) {
        return 2;
    }
    upstream = arguments[1];
    server = start_server(arguments[2]);
    CHECK_STATUS(AMP_POOL_OK, amp_pool_server_address(server, &data, &length));
    CHECK_THAT(length > 17 && memcmp(data, "http://127.0.0.1:", 17) == 0);

    /* The directory is this server's. */
    snprintf(config, sizeof config, "{\"data_dir\":\"%s\"}", arguments[2]);
    CHECK_STATUS(AMP_POOL_UNAVAILABLE, amp_pool_new(bytes(config), strlen(config), &second));
    CHECK_THAT(second == 77 && strstr(amp_pool_last_error(NULL), "in use") != NULL);

    CHECK_STATUS(AMP_POOL_OK, amp_pool_server_pool(server, &pool));
    call = ask(pool, "gpt-4o-mini", "true");
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_collect(call, 10000, &data, &length));
    CHECK_THAT(has(data, length, "[DONE]"));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_free(call));

    hangs = ask(pool, "gpt-hang", "true");
    CHECK_STATUS(AMP_POOL_OK, amp_pool_server_stop(server, 10000));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_server_stop(server, 0));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_free(hangs));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_server_free(server));
    CHECK_STATUS(AMP_POOL_OK, amp_pool_free(pool));

    /* All of it has ended: the directory is free, and the books have the call. */
    CHECK_STATUS(AMP_POOL_OK, amp_pool_new(bytes(config), strlen(config), &pool));
    books_have(pool, "gpt-4o-mini");
    CHECK_STATUS(AMP_POOL_OK, amp_pool_free(pool));
    puts("server: came, served and went");
    return 0;
}
