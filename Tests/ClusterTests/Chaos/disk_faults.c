// SPDX-License-Identifier: GPL-3.0-or-later
// A disk that misbehaves, for tests: loaded before libc into an agent (LD_PRELOAD), it changes what writes and syncs
// below KEYFOLD_DISK_ROOT do, as the file KEYFOLD_DISK_FAULT says at that moment:
//   slow N    every sync takes N milliseconds longer
//   full      nothing more can be written (ENOSPC)
//   broken    no sync succeeds (EIO); a kernel says so once, this disk says so as long as the file does
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum fault { NONE, SLOW, FULL, BROKEN };

// The fault that a file has, by its path.
static enum fault fault_at(const char *path, long *milliseconds) {
  const char *root = getenv("KEYFOLD_DISK_ROOT"), *control = getenv("KEYFOLD_DISK_FAULT");
  char text[64] = "";
  if (!root || !control || strncmp(path, root, strlen(root))) return NONE;
  int saved = errno;
  int file = open(control, O_RDONLY | O_CLOEXEC);
  if (file >= 0 && read(file, text, sizeof text - 1) < 0) text[0] = 0;
  if (file >= 0) close(file);
  errno = saved;
  if (sscanf(text, "slow %ld", milliseconds) == 1) return SLOW;
  if (!strncmp(text, "full", 4)) return FULL;
  return strncmp(text, "broken", 6) ? NONE : BROKEN;
}

static enum fault fault_of(int descriptor, long *milliseconds) {
  char link[64], path[4096];
  int saved = errno;
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  errno = saved;
  if (length < 0) return NONE;
  path[length] = 0;
  return fault_at(path, milliseconds);
}

static int refuses_to_write(int descriptor) {
  long unused;
  if (fault_of(descriptor, &unused) != FULL) return 0;
  errno = ENOSPC;
  return 1;
}

static int refuses_to_sync(int descriptor) {
  long milliseconds = 0;
  switch (fault_of(descriptor, &milliseconds)) {
    case SLOW: {
      struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
      nanosleep(&time, NULL);
      return 0;
    }
    case BROKEN: errno = EIO; return 1;
    case FULL: case NONE: return 0;
  }
  return 0;
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
  return refuses_to_write(descriptor) ? -1 : syscall(SYS_write, descriptor, bytes, count);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
  return refuses_to_write(descriptor) ? -1 : syscall(SYS_pwrite64, descriptor, bytes, count, offset);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) {
  return refuses_to_write(descriptor) ? -1 : syscall(SYS_pwrite64, descriptor, bytes, count, offset);
}

int fallocate(int descriptor, int mode, off_t offset, off_t length) {
  return refuses_to_write(descriptor) ? -1 : syscall(SYS_fallocate, descriptor, mode, offset, length);
}

int fsync(int descriptor) { return refuses_to_sync(descriptor) ? -1 : syscall(SYS_fsync, descriptor); }

int fdatasync(int descriptor) { return refuses_to_sync(descriptor) ? -1 : syscall(SYS_fdatasync, descriptor); }

// A full disk has no room.
int statvfs(const char *path, struct statvfs *found) {
  long unused;
  int (*next)(const char *, struct statvfs *) = dlsym(RTLD_NEXT, "statvfs");
  int result = next(path, found);
  if (!result && fault_at(path, &unused) == FULL) found->f_bavail = 0;
  return result;
}
