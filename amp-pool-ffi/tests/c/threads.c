/* Many threads at one pool, and many at one call. */
#include "check.h"
#include <pthread.h>
#include <time.h>

#define THREADS 16

static AmpPool pool;
static int calls_each;

static void *make_calls(void *unused)
{
    int made;
    (void)unused;
    for (made = 0; made < calls_each; made++) {
        const uint8_t *data = NULL;
        size_t length = 0;
        AmpPoolCall call = ask(pool, "gpt-4o-mini", "false");
        CHECK_STATUS(AMP_POOL_OK, amp_pool_call_collect(call, 60000, &data, &length));
        CHECK_THAT(has(data, length, "hello"));
        CHECK_STATUS(AMP_POOL_OK, amp_pool_call_free(call));
        CHECK_STATUS(AMP_POOL_INVALID_HANDLE, amp_pool_call_free(call));
        CHECK_THAT(strstr(amp_pool_last_error(NULL), "freed") != NULL);
    }
    return NULL;
}

static void at_one_pool(void)
{
    pthread_t threads[THREADS];
    struct timespec begin, end;
    double seconds;
    int at;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (at = 0; at < THREADS; at++) {
        CHECK_THAT(pthread_create(&threads[at], NULL, make_calls, NULL) == 0);
    }
    for (at = 0; at < THREADS; at++) {
        CHECK_THAT(pthread_join(threads[at], NULL) == 0);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    printf("threads: %d calls by %d threads in %.1f s, %.0f a second\n", THREADS * calls_each, THREADS, seconds,
           THREADS * calls_each / seconds);
}

/* Waits in a call that another thread ends; either end is fine, a crash or a hang is not. */
static void *wait_in(void *shared)
{
    const uint8_t *data = NULL;
    size_t length = 0;
    int32_t status = amp_pool_call_next(*(AmpPoolCall *)shared, AMP_POOL_FOREVER, &data, &length);
    CHECK_THAT(status == AMP_POOL_CANCELLED || status == AMP_POOL_BUSY || status == AMP_POOL_INVALID_HANDLE);
    return NULL;
}

static void at_one_call(int round)
{
    struct timespec moment = {0, 2000000};
    pthread_t threads[4];
    AmpPoolCall call = ask(pool, "gpt-hang", "true");
    int at;
    for (at = 0; at < 4; at++) {
        CHECK_THAT(pthread_create(&threads[at], NULL, wait_in, &call) == 0);
    }
    nanosleep(&moment, NULL);
    if (round % 2) {
        CHECK_STATUS(AMP_POOL_OK, amp_pool_call_cancel(call));
    } else {
        CHECK_STATUS(AMP_POOL_OK, amp_pool_call_free(call));
    }
    for (at = 0; at < 4; at++) {
        CHECK_THAT(pthread_join(threads[at], NULL) == 0);
    }
    CHECK_STATUS(round % 2 ? AMP_POOL_OK : AMP_POOL_INVALID_HANDLE, amp_pool_call_free(call));
}

int main(int count, char **arguments)
{
    int round;
    if (count != 3) {
        return 2;
    }
    upstream = arguments[1];
    calls_each = atoi(arguments[2]);
    pool = open_pool();
    at_one_pool();
    for (round = 0; round < 20; round++) {
        at_one_call(round);
    }
    CHECK_STATUS(AMP_POOL_OK, amp_pool_free(pool));
    return 0;
}
