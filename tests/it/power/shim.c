/* Stands between a hub and the files of its data folder, by LD_PRELOAD.
 *
 * It writes down, in their order, what is done to the files (POWER_LOG) and when an answer with status 200 is about to
 * leave on a socket: from that, the test makes the disk as a power cut at any moment would have left it. And it plays a
 * disk that is full, broken or hangs, or says that it is nearly full (low: 500 MB free, little: 50 MB), for as long as a file
 * of that name lies in POWER_SWITCHES.
 *
 * A record is: kind (1 byte), length of the name (1), length of the data (4), offset (8), name, data; little-endian.
 * Kinds: W write, T truncate (offset is the new size), S sync, U unlink, A answer (offset is the peer's port).
 * Without POWER_FOLDER it does nothing. Shared-memory files are no part of a recovery and are left out.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES 4096
#define NAME 64

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char names[FILES][NAME]; /* of the files of the folder that are open; "." is the folder itself */
static const char *folder, *switches;
static int log_fd = -1;

static int (*real_open)(const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static int (*real_ftruncate)(int, off64_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_unlink)(const char *);
static int (*real_statvfs)(const char *, struct statvfs64 *);
static ssize_t (*real_send)(int, const void *, size_t, int);

__attribute__((constructor)) static void begin(void) {
    real_open = dlsym(RTLD_NEXT, "open64");
    real_close = dlsym(RTLD_NEXT, "close");
    real_write = dlsym(RTLD_NEXT, "write");
    real_writev = dlsym(RTLD_NEXT, "writev");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    real_statvfs = dlsym(RTLD_NEXT, "statvfs64");
    real_send = dlsym(RTLD_NEXT, "send");
    folder = getenv("POWER_FOLDER");
    switches = getenv("POWER_SWITCHES");
    const char *log = getenv("POWER_LOG");
    if (folder && log) log_fd = real_open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* The name of a path inside the folder, or NULL. */
static const char *inside(const char *path) {
    size_t length = folder ? strlen(folder) : 0;
    if (!length || strncmp(path, folder, length)) return NULL;
    if (!path[length]) return ".";
    const char *name = path + length + 1;
    size_t size = strlen(name);
    if (path[length] != '/' || size == 0 || size >= NAME || strchr(name, '/')) return NULL;
    return size > 4 && !strcmp(name + size - 4, "-shm") ? NULL : name;
}

static const char *name_of(int fd) {
    return fd >= 0 && fd < FILES && names[fd][0] ? names[fd] : NULL;
}

static int switched(const char *what) {
    char path[512];
    if (!switches) return 0;
    snprintf(path, sizeof path, "%s/%s", switches, what);
    return access(path, F_OK) == 0;
}

/* Call with the lock held. One writev, so that a kill leaves whole records before the last. */
static void note(char kind, const char *name, uint64_t offset, const void *data, uint32_t size) {
    if (log_fd < 0) return;
    unsigned char head[14] = {(unsigned char)kind, (unsigned char)strlen(name)};
    memcpy(head + 2, &size, 4);
    memcpy(head + 6, &offset, 8);
    struct iovec parts[3] = {{head, sizeof head}, {(void *)name, strlen(name)}, {(void *)data, size}};
    if (real_writev(log_fd, parts, 3) < 0) _exit(97);
}

static void opened(int fd, const char *path) {
    const char *name = inside(path);
    if (fd >= 0 && fd < FILES && name) strcpy(names[fd], name);
}

#define OPEN(function)                                       \
    int function(const char *path, int flags, ...) {         \
        va_list rest;                                        \
        va_start(rest, flags);                               \
        mode_t mode = va_arg(rest, mode_t);                  \
        va_end(rest);                                        \
        int fd = real_open(path, flags, mode);               \
        opened(fd, path);                                    \
        return fd;                                           \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    if (fd >= 0 && fd < FILES) names[fd][0] = 0;
    return real_close(fd);
}

static int refused(void) {
    if (!switched("full")) return 0;
    errno = ENOSPC;
    return 1;
}

static ssize_t write_at(int fd, const void *data, size_t size, off64_t offset) {
    if (refused()) return -1;
    pthread_mutex_lock(&lock);
    ssize_t done = real_pwrite(fd, data, size, offset);
    if (done > 0) note('W', names[fd], (uint64_t)offset, data, (uint32_t)done);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    return name_of(fd) ? write_at(fd, data, size, offset) : real_pwrite(fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    return name_of(fd) ? write_at(fd, data, size, offset) : real_pwrite(fd, data, size, offset);
}

/* An answer counts as given from before its first byte leaves. */
static void answers(int fd, const void *data, size_t size) {
    static const char yes[] = "HTTP/1.1 200";
    struct sockaddr_in peer;
    socklen_t length = sizeof peer;
    if (log_fd < 0 || size < sizeof yes - 1 || memcmp(data, yes, sizeof yes - 1)) return;
    if (getpeername(fd, (struct sockaddr *)&peer, &length) || peer.sin_family != AF_INET) return;
    pthread_mutex_lock(&lock);
    note('A', "", ntohs(peer.sin_port), "", 0);
    pthread_mutex_unlock(&lock);
}

ssize_t write(int fd, const void *data, size_t size) {
    if (name_of(fd)) {
        off64_t at = lseek64(fd, 0, SEEK_CUR);
        ssize_t done = write_at(fd, data, size, at);
        if (done > 0) lseek64(fd, at + done, SEEK_SET);
        return done;
    }
    answers(fd, data, size);
    return real_write(fd, data, size);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (count > 0) answers(fd, parts[0].iov_base, parts[0].iov_len);
    return real_writev(fd, parts, count);
}

ssize_t send(int fd, const void *data, size_t size, int flags) {
    answers(fd, data, size);
    return real_send(fd, data, size, flags);
}

static int truncate_to(int fd, off64_t size) {
    if (!name_of(fd)) return real_ftruncate(fd, size);
    pthread_mutex_lock(&lock);
    int failed = real_ftruncate(fd, size);
    if (!failed) note('T', names[fd], (uint64_t)size, "", 0);
    pthread_mutex_unlock(&lock);
    return failed;
}

int ftruncate(int fd, off_t size) { return truncate_to(fd, size); }
int ftruncate64(int fd, off64_t size) { return truncate_to(fd, size); }

static int sync_of(int fd, int (*real)(int)) {
    if (!name_of(fd)) return real(fd);
    while (switched("hangs")) usleep(1000);
    if (switched("broken")) {
        errno = EIO;
        return -1;
    }
    pthread_mutex_lock(&lock);
    int failed = real(fd);
    if (!failed) note('S', names[fd], 0, "", 0);
    pthread_mutex_unlock(&lock);
    return failed;
}

int fsync(int fd) { return sync_of(fd, real_fsync); }
int fdatasync(int fd) { return sync_of(fd, real_fdatasync); }

int statvfs64(const char *path, struct statvfs64 *found) {
    int failed = real_statvfs(path, found);
    uint64_t megabytes = switched("little") ? 50 : switched("low") ? 500 : 0;
    if (!failed && megabytes) found->f_bavail = (fsblkcnt64_t)(megabytes * 1024 * 1024 / found->f_frsize);
    return failed;
}

int unlink(const char *path) {
    const char *name = inside(path);
    if (!name) return real_unlink(path);
    pthread_mutex_lock(&lock);
    int failed = real_unlink(path);
    if (!failed) note('U', name, 0, "", 0);
    pthread_mutex_unlock(&lock);
    return failed;
}
