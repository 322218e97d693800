// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <stdint.h>
#include <zmq.h>

// Swift's Glibc module has neither eventfd(2) nor the GNU name of a thread.
int kf_eventfd(void);
void kf_eventfd_signal(int descriptor);
void kf_eventfd_drain(int descriptor);
void kf_name_this_thread(const char *name);

// A message whose bytes are overwritten when libzmq lets go of them; 0, or -1 with errno.
int kf_message_init_wiped(zmq_msg_t *message, size_t size);

// Overwrites bytes; the compiler may not drop it.
void kf_wipe(void *bytes, size_t size);

// Seeds rand(), which libzmq takes for the jitter of its reconnects.
void kf_seed_jitter(uint32_t seed);

// libzmq's error number and its text (zmq_errno(3)): errno of this thread is its own with some C libraries.
int kf_last_error(void);
