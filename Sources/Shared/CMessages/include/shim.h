// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "keyfold.pb-c.h"

// Memory of one message: taken piece by piece, never above a budget, overwritten and given back all at once. It is the
// allocator of protobuf-c's decoder, which frees nothing by itself then, and holds the C structs of the encoder.
typedef struct kf_arena kf_arena;

// NULL if there is no memory at all.
kf_arena *kf_arena_create(size_t budget);
void kf_arena_destroy(kf_arena *arena);

// Zeroed memory; NULL above the budget.
void *kf_arena_allocate(kf_arena *arena, size_t size);

// Whether something was refused for want of budget or memory.
bool kf_arena_exhausted(const kf_arena *arena);

// Decodes an envelope; NULL if the bytes are none, or the budget doesn't suffice.
Keyfold__V1__Envelope *kf_envelope_unpack(kf_arena *arena, size_t size, const uint8_t *bytes);

// The schema's description of an envelope; Swift would copy the constant.
const ProtobufCMessageDescriptor *kf_envelope_descriptor(void);

// The length of a text that the decoder took from an arena; -1 if it holds a NUL byte, which protobuf-c lets through
// and C code would cut at.
long kf_text_length(const char *text);
