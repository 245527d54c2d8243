/* What the C tests share: checks, an upstream's address, and short ways to call. */
#ifndef CHECK_H
#define CHECK_H

#include "amp_pool.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where each scripted upstream is; the first argument of every test. */
static const char *upstream;

/* The client token of every pool here. */
#define TOKEN "amp-0123456789abcdef0123456789abcdef"
#define HEADERS "authorization: Bearer " TOKEN "\ncontent-type: application/json\n"
#define CHAT "/v1/chat/completions"

#define CHECK_THAT(claim)                                                                                    \
    do {                                                                                                     \
        if (!(claim)) {                                                                                      \
            fprintf(stderr, "%s:%d: not so: %s (last error: %s)\n", __FILE__, __LINE__, #claim,              \
                    amp_pool_last_error(NULL));                                                              \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

#define CHECK_STATUS(expected, found)                                                                        \
    do {                                                                                                     \
        int32_t found_ = (found);                                                                            \
        if (found_ != (expected)) {                                                                          \
            fprintf(stderr, "%s:%d: %s is %d, not %s (last error: %s)\n", __FILE__, __LINE__, #found,        \
                    (int)found_, #expected, amp_pool_last_error(NULL));                                      \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

static inline const uint8_t *bytes(const char *text)
{
    return (const uint8_t *)text;
}

/* The members of a configuration that every pool here has. */
static inline void write_config(char *config, size_t room, const char *more)
{
    int length = snprintf(config, room,
                          "{%s\"keys\":[{\"name\":\"k\",\"provider\":\"openai\",\"api_key\":\"sk-test\","
                          "\"base_url\":\"%s/v1\"}],\"tokens\":[{\"name\":\"t\",\"secret\":\"" TOKEN "\"}]}",
                          more, upstream);
    CHECK_THAT(length > 0 && (size_t)length < room);
}

static inline AmpPool open_pool(void)
{
    char config[1024];
    AmpPool pool = 0;
    write_config(config, sizeof config, "");
    CHECK_STATUS(AMP_POOL_OK, amp_pool_new(bytes(config), strlen(config), &pool));
    return pool;
}

/* Asks the upstream for what `model` names; see the script in `tests/c.rs`. */
static inline AmpPoolCall ask(AmpPool pool, const char *model, const char *stream)
{
    char body[256];
    AmpPoolCall call = 0;
    int length = snprintf(body, sizeof body,
                          "{\"model\":\"%s\",\"stream\":%s,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", model,
                          stream);
    CHECK_THAT(length > 0 && (size_t)length < sizeof body);
    CHECK_STATUS(AMP_POOL_OK, amp_pool_call_start(pool, bytes("POST"), 4, bytes(CHAT), strlen(CHAT), bytes(HEADERS),
                                                  strlen(HEADERS), bytes(body), (size_t)length, &call));
    return call;
}

/* Whether `text` stands somewhere in the bytes. */
static inline int has(const uint8_t *data, size_t length, const char *text)
{
    size_t at, size = strlen(text);
    for (at = 0; at + size <= length; at++) {
        if (memcmp(data + at, text, size) == 0) {
            return 1;
        }
    }
    return 0;
}

#endif
