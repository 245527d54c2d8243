/*
 * A disk that fails when it is told to. Loaded before libc, it stands between a program and what it writes to its database;
 * the orders are four bytes of a file that the test changes while the program runs.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct orders {
    unsigned char writes; /* 1: they fail; 2: they fail when half of them is written */
    unsigned char syncs;  /* 1: they fail */
    unsigned char error;  /* errno */
    unsigned char every;  /* only one in so many */
};

static const volatile struct orders *orders;
static unsigned turns;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAILING_DISK");
    int fd = path ? open(path, O_RDONLY) : -1;
    if (fd < 0)
        return;
    void *page = mmap(NULL, sizeof *orders, PROT_READ, MAP_SHARED, fd, 0);
    if (page != MAP_FAILED)
        orders = page;
    close(fd);
}

static int is_database(int fd) {
    char link[32], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return 0;
    path[length] = 0;
    return strstr(path, "/amp_pool.db") != NULL;
}

static int fails(int fd, unsigned char ordered) {
    if (!ordered || !is_database(fd))
        return 0;
    unsigned every = orders->every, turn = __atomic_add_fetch(&turns, 1, __ATOMIC_RELAXED);
    if (every > 1 && turn % every)
        return 0;
    errno = orders->error;
    return 1;
}

typedef ssize_t writing(int, const void *, size_t, off_t);
typedef int syncing(int);

static ssize_t write_at(writing *real, int fd, const void *bytes, size_t length, off_t at) {
    unsigned char ordered = orders ? orders->writes : 0;
    if (!fails(fd, ordered))
        return real(fd, bytes, length, at);
    if (ordered == 2) {
        real(fd, bytes, length / 2, at);
        errno = orders->error;
    }
    return -1;
}

static int sync_all(syncing *real, int fd) {
    return fails(fd, orders ? orders->syncs : 0) ? -1 : real(fd);
}

#define REAL(kind, name) ((kind *)dlsym(RTLD_NEXT, name))

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    return write_at(REAL(writing, "pwrite"), fd, bytes, length, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t at) {
    return write_at(REAL(writing, "pwrite64"), fd, bytes, length, at);
}

int fsync(int fd) {
    return sync_all(REAL(syncing, "fsync"), fd);
}

int fdatasync(int fd) {
    return sync_all(REAL(syncing, "fdatasync"), fd);
}
