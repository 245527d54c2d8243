/*
 * The pool from C: a stream, a cancel from another thread, a server inside the program.
 *
 *   make install-ffi PREFIX=$PWD/target/amp-pool
 *   export PKG_CONFIG_PATH=target/amp-pool/lib/pkgconfig LD_LIBRARY_PATH=target/amp-pool/lib
 *   cc -std=c11 examples/c/demo.c $(pkg-config --cflags --libs amp_pool) -lpthread -o target/demo-c
 *   cargo run -p amp-pool-examples --bin upstream -- target/demo-c
 */
#include <amp_pool.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN "amp-0123456789abcdef0123456789abcdef"
#define HEADERS "authorization: Bearer " TOKEN "\ncontent-type: application/json"

/* Ends the program with the library's words when something fails. */
static int32_t must(int32_t status)
{
    if (status < 0) {
        fprintf(stderr, "%s: %s\n", amp_pool_status_text(status), amp_pool_last_error(NULL));
        exit(1);
    }
    return status;
}

static AmpPoolCall ask(AmpPool pool, const char *model)
{
    char body[256];
    AmpPoolCall call;
    int length = snprintf(body, sizeof body, "{\"model\":\"%s\",\"stream\":true,\"messages\":[]}", model);
    must(amp_pool_call_start(pool, (const uint8_t *)"POST", 4, (const uint8_t *)"/v1/chat/completions", 20,
                             (const uint8_t *)HEADERS, strlen(HEADERS), (const uint8_t *)body, (size_t)length, &call));
    return call;
}

static void *cancel_it(void *call)
{
    must(amp_pool_call_cancel(*(AmpPoolCall *)call));
    return NULL;
}

int main(void)
{
    const char *upstream = getenv("AMP_POOL_UPSTREAM");
    char config[512];
    const uint8_t *name, *data;
    size_t name_length, length, events = 0;
    AmpPoolServer server;
    AmpPool pool;
    AmpPoolCall call;
    pthread_t thread;
    int size = snprintf(config, sizeof config,
                        "{\"port\":0,\"keys\":[{\"name\":\"mine\",\"provider\":\"openai\",\"api_key\":\"sk-example\","
                        "\"base_url\":\"%s/v1\"}],\"tokens\":[{\"name\":\"me\",\"secret\":\"" TOKEN "\"}]}",
                        upstream ? upstream : "https://api.openai.com");

    /* A whole server. Without it, amp_pool_new makes just the pool. */
    must(amp_pool_server_start((const uint8_t *)config, (size_t)size, &server));
    must(amp_pool_server_address(server, &data, &length));
    printf("serving at %.*s\n", (int)length, (const char *)data);
    must(amp_pool_server_pool(server, &pool));

    call = ask(pool, "gpt-4o-mini");
    while (must(amp_pool_call_event(call, AMP_POOL_FOREVER, &name, &name_length, &data, &length)) == AMP_POOL_OK) {
        events++;
    }
    printf("%lu events\n", (unsigned long)events);
    must(amp_pool_call_free(call));

    call = ask(pool, "gpt-hang");
    pthread_create(&thread, NULL, cancel_it, &call);
    if (amp_pool_call_next(call, AMP_POOL_FOREVER, &data, &length) == AMP_POOL_CANCELLED) {
        printf("cancelled: %s\n", amp_pool_last_error(NULL));
    }
    pthread_join(thread, NULL);
    must(amp_pool_call_free(call));

    must(amp_pool_free(pool));
    must(amp_pool_server_stop(server, 10000));
    must(amp_pool_server_free(server));
    return events == 22 ? 0 : 1;
}
