/* Loads the library many times, each time with a pool and a call, and looks at memory and threads of the process. */
#include "check.h"
#include <dirent.h>
#include <dlfcn.h>
#include <unistd.h>

/* Functions of the library, by name; ISO C has no other way from an object to a function than this one. */
static void find(void *library, const char *name, void *place)
{
    void *found = dlsym(library, name);
    CHECK_THAT(found != NULL);
    memcpy(place, &found, sizeof found);
}

static long resident_kib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK_THAT(file != NULL && fscanf(file, "%*s %ld", &pages) == 1);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static int threads(void)
{
    int found = 0;
    DIR *tasks = opendir("/proc/self/task");
    CHECK_THAT(tasks != NULL);
    while (readdir(tasks) != NULL) {
        found++;
    }
    closedir(tasks);
    return found - 2;
}

static void once(const char *path, int with_call)
{
    int32_t (*make)(const uint8_t *, size_t, AmpPool *);
    int32_t (*end)(AmpPool);
    int32_t (*start)(AmpPool, const uint8_t *, size_t, const uint8_t *, size_t, const uint8_t *, size_t,
                     const uint8_t *, size_t, AmpPoolCall *);
    int32_t (*head)(AmpPoolCall, uint32_t, uint16_t *);
    int32_t (*end_call)(AmpPoolCall);
    AmpPool pool = 0;
    AmpPoolCall call = 0;
    uint16_t status = 0;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    find(library, "amp_pool_new", &make);
    find(library, "amp_pool_free", &end);
    find(library, "amp_pool_call_start", &start);
    find(library, "amp_pool_call_head", &head);
    find(library, "amp_pool_call_free", &end_call);
    CHECK_STATUS(AMP_POOL_INVALID_HANDLE, end(77));
    if (with_call) {
        CHECK_STATUS(AMP_POOL_OK, make(NULL, 0, &pool));
        CHECK_STATUS(AMP_POOL_OK, start(pool, bytes("GET"), 3, bytes("/v1/models"), 10, NULL, 0, NULL, 0, &call));
        CHECK_STATUS(AMP_POOL_OK, head(call, 10000, &status));
        CHECK_THAT(status == 401);
        CHECK_STATUS(AMP_POOL_OK, end_call(call));
        CHECK_STATUS(AMP_POOL_OK, end(pool));
    }
    CHECK_THAT(dlclose(library) == 0);
    CHECK_THAT(threads() == 1);
}

/* Only checks of this file's own use it; the library is not linked. */
const char *amp_pool_last_error(size_t *length)
{
    (void)length;
    return "the library is not linked";
}

int main(int count, char **arguments)
{
    long before, after;
    int round, rounds;
    if (count != 3) {
        return 2;
    }
    rounds = atoi(arguments[2]);
    for (round = 0; round < rounds / 5; round++) {
        once(arguments[1], round % 4 == 0);
    }
    before = resident_kib();
    for (round = 0; round < rounds; round++) {
        once(arguments[1], round % 4 == 0);
    }
    after = resident_kib();
    printf("load: %d times, %ld KiB before, %ld KiB after, one thread left\n", rounds, before, after);
    CHECK_THAT(after - before < 2048);
    return 0;
}
