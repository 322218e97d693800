// SPDX-License-Identifier: GPL-3.0-or-later
// What keeps secrets of a process inside it; prctl is variadic, so Swift can't call it.
#pragma once

/// No core dumps, no ptrace by processes of the same user; answers errno, 0 when done.
int kf_harden_process(void);

/// Whether the process may be dumped and traced: 1 yes, 0 no.
int kf_is_dumpable(void);

/// Replaces the process image. Descriptors above 2 are closed, signals set to their defaults and unblocked, because the
/// new image would inherit all three. Answers errno, only if it failed.
int kf_replace_process(const char *path, char *const arguments[]);
