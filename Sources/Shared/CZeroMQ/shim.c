// SPDX-License-Identifier: GPL-3.0-or-later
#define _GNU_SOURCE
#include "shim.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

int kf_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

void kf_eventfd_signal(int descriptor) {
  uint64_t one = 1;
  // A full counter (EAGAIN) has woken the reader already.
  ssize_t written = write(descriptor, &one, sizeof one);
  (void)written;
}

void kf_eventfd_drain(int descriptor) {
  uint64_t count;
  ssize_t taken = read(descriptor, &count, sizeof count);
  (void)taken;
}

void kf_name_this_thread(const char *name) {
  char cut[16] = {0};  // the kernel's limit, terminator included
  strncpy(cut, name, sizeof cut - 1);
  pthread_setname_np(pthread_self(), cut);
}

void kf_wipe(void *bytes, size_t size) {
  if (bytes && size) explicit_bzero(bytes, size);
}

// libzmq calls it on one of its threads when it has no more use for the bytes; the hint is the size.
static void wipe_and_free(void *bytes, void *size) {
  kf_wipe(bytes, (size_t)(uintptr_t)size);
  free(bytes);
}

int kf_message_init_wiped(zmq_msg_t *message, size_t size) {
  void *bytes = malloc(size ? size : 1);
  if (!bytes) return -1;
  if (zmq_msg_init_data(message, bytes, size, wipe_and_free, (void *)(uintptr_t)size) == 0) return 0;
  free(bytes);
  return -1;
}

void kf_seed_jitter(uint32_t seed) { srand(seed); }

int kf_last_error(void) { return zmq_errno(); }
