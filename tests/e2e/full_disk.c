/* A disk with little room, for one process: loaded before the C library, it lets so many bytes be
 * written below one folder, and then answers as a full disk does. A user without rights can do
 * this; mounting a small disk takes root.
 *
 * FULL_DISK_FOLDER: the folder, without links in its path. FULL_DISK_ROOM: bytes.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static long long room = -1;

static int on_the_disk(int file) {
    const char *folder = getenv("FULL_DISK_FOLDER");
    char link[64], path[PATH_MAX];
    if (!folder)
        return 0;
    int kept = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = kept;
    size_t wanted = strlen(folder);
    return length > (ssize_t)wanted && !memcmp(path, folder, wanted) && path[wanted] == '/';
}

/* How many of these bytes there is room for; a disk writes what it can, and fails at the next. */
static ssize_t take(int file, size_t bytes) {
    if (!bytes || !on_the_disk(file))
        return bytes;
    pthread_mutex_lock(&turn);
    if (room < 0) {
        const char *given = getenv("FULL_DISK_ROOM");
        room = given ? atoll(given) : 0;
    }
    size_t taken = (long long)bytes <= room ? bytes : (size_t)room;
    room -= taken;
    pthread_mutex_unlock(&turn);
    if (taken)
        return taken;
    errno = ENOSPC;
    return -1;
}

#define TRUE_ONE(name) (__typeof__(&name)) dlsym(RTLD_NEXT, #name)

ssize_t write(int file, const void *from, size_t bytes) {
    ssize_t taken = take(file, bytes);
    return taken < 0 ? taken : (TRUE_ONE(write))(file, from, taken);
}

ssize_t pwrite(int file, const void *from, size_t bytes, off_t at) {
    ssize_t taken = take(file, bytes);
    return taken < 0 ? taken : (TRUE_ONE(pwrite))(file, from, taken, at);
}

ssize_t pwrite64(int file, const void *from, size_t bytes, off64_t at) {
    ssize_t taken = take(file, bytes);
    return taken < 0 ? taken : (TRUE_ONE(pwrite64))(file, from, taken, at);
}

/* Of several pieces the first one has to do: who writes more asks again. */
ssize_t writev(int file, const struct iovec *pieces, int count) {
    if (count < 1 || !on_the_disk(file))
        return (TRUE_ONE(writev))(file, pieces, count);
    return write(file, pieces[0].iov_base, pieces[0].iov_len);
}
