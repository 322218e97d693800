// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef KEYFOLD_ALLOCATION_COUNTER_H
#define KEYFOLD_ALLOCATION_COUNTER_H

/// How often the calling thread has asked for memory since it began. A program that links this counts every call of
/// glibc's malloc family, whichever library makes it.
unsigned long kf_allocations(void);

#endif
