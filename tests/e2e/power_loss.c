/* The disk as a power loss would leave it, for one folder of one process: loaded before the C library,
 * it keeps in a second folder what has been synced and nothing else.
 *
 * Bytes of a file are on the disk when the file is synced, names when their folder is: a name whose
 * bytes were never synced is that of an empty file.
 *
 * POWER_LOSS_FOLDER: the folder, without links in its path. POWER_LOSS_DISK: the second folder, with
 * the folders `bytes` and `names` in it.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static void copy(const char *from, const char *to) {
    char piece[65536];
    ssize_t bytes;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    while (in >= 0 && out >= 0 && (bytes = read(in, piece, sizeof piece)) > 0)
        if (write(out, piece, bytes) != bytes)
            abort();
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
}

static void bytes_of(const char *disk, ino_t number, char *path) {
    snprintf(path, PATH_MAX, "%s/bytes/%llu", disk, (unsigned long long)number);
}

/* The names in `folder` are those on the disk from now on. */
static void keep_names(const char *folder, const char *disk) {
    char names[PATH_MAX], from[PATH_MAX], to[PATH_MAX];
    struct dirent *entry;
    snprintf(names, sizeof names, "%s/names", disk);
    DIR *before = opendir(names);
    while (before && (entry = readdir(before)))
        if (entry->d_type == DT_REG && snprintf(to, sizeof to, "%s/%s", names, entry->d_name) > 0)
            unlink(to);
    if (before)
        closedir(before);
    DIR *now = opendir(folder);
    while (now && (entry = readdir(now)))
        if (entry->d_type == DT_REG && snprintf(to, sizeof to, "%s/%s", names, entry->d_name) > 0) {
            bytes_of(disk, entry->d_ino, from);
            copy(from, to);
        }
    if (now)
        closedir(now);
}

static void keep(int file) {
    const char *folder = getenv("POWER_LOSS_FOLDER"), *disk = getenv("POWER_LOSS_DISK");
    char link[64], path[PATH_MAX], to[PATH_MAX];
    struct stat found;
    if (!folder || !disk || fstat(file, &found))
        return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return;
    path[length] = 0;
    size_t wanted = strlen(folder);
    pthread_mutex_lock(&turn);
    if (S_ISDIR(found.st_mode) && !strcmp(path, folder))
        keep_names(folder, disk);
    else if (S_ISREG(found.st_mode) && !strncmp(path, folder, wanted) && path[wanted] == '/') {
        bytes_of(disk, found.st_ino, to);
        copy(path, to);
    }
    pthread_mutex_unlock(&turn);
}

#define TRUE_ONE(name) (__typeof__(&name)) dlsym(RTLD_NEXT, #name)

static int kept(int file, int outcome) {
    int error = errno;
    if (!outcome)
        keep(file);
    errno = error;
    return outcome;
}

int fsync(int file) {
    return kept(file, (TRUE_ONE(fsync))(file));
}

int fdatasync(int file) {
    return kept(file, (TRUE_ONE(fdatasync))(file));
}
