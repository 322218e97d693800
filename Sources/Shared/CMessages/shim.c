// SPDX-License-Identifier: GPL-3.0-or-later
#define _GNU_SOURCE
#include "shim.h"

#include <stdlib.h>
#include <string.h>

enum { first_block_bytes = 4096, largest_block_bytes = 1 << 20, alignment = 16 };

typedef struct block {
  struct block *next;
  size_t capacity;
  size_t used;
  _Alignas(alignment) unsigned char bytes[];
} block;

// In front of each piece: its size as asked for, which tells texts with a NUL byte apart.
typedef struct {
  _Alignas(alignment) size_t size;
} piece;

struct kf_arena {
  block *blocks;
  size_t budget_left;
  bool exhausted;
};

kf_arena *kf_arena_create(size_t budget) {
  kf_arena *arena = calloc(1, sizeof *arena);
  if (arena) arena->budget_left = budget;
  return arena;
}

void kf_arena_destroy(kf_arena *arena) {
  if (!arena) return;
  for (block *here = arena->blocks; here;) {
    block *next = here->next;
    explicit_bzero(here->bytes, here->used);
    free(here);
    here = next;
  }
  free(arena);
}

static block *add_block(kf_arena *arena, size_t least) {
  size_t capacity = arena->blocks ? arena->blocks->capacity * 2 : first_block_bytes;
  if (capacity > largest_block_bytes) capacity = largest_block_bytes;
  if (capacity < least) capacity = least;
  block *fresh = calloc(1, sizeof(block) + capacity);
  if (!fresh) return NULL;
  fresh->capacity = capacity;
  fresh->next = arena->blocks;
  arena->blocks = fresh;
  return fresh;
}

void *kf_arena_allocate(kf_arena *arena, size_t size) {
  if (size > arena->budget_left || arena->budget_left - size < sizeof(piece) + alignment) {
    arena->exhausted = true;
    return NULL;
  }
  size_t needed = sizeof(piece) + ((size + alignment - 1) & ~(size_t)(alignment - 1));
  block *here = arena->blocks;
  if (!here || here->capacity - here->used < needed) here = add_block(arena, needed);
  if (!here) {
    arena->exhausted = true;
    return NULL;
  }
  piece *head = (piece *)(here->bytes + here->used);
  here->used += needed;
  arena->budget_left -= needed;
  head->size = size;
  return head + 1;
}

bool kf_arena_exhausted(const kf_arena *arena) { return arena->exhausted; }

static void *allocate(void *arena, size_t size) { return kf_arena_allocate(arena, size); }

// The arena gives everything back at once.
static void keep(void *arena, void *pointer) {
  (void)arena;
  (void)pointer;
}

Keyfold__V1__Envelope *kf_envelope_unpack(kf_arena *arena, size_t size, const uint8_t *bytes) {
  ProtobufCAllocator allocator = {.alloc = allocate, .free = keep, .allocator_data = arena};
  return keyfold__v1__envelope__unpack(&allocator, size, bytes);
}

const ProtobufCMessageDescriptor *kf_envelope_descriptor(void) { return &keyfold__v1__envelope__descriptor; }

long kf_text_length(const char *text) {
  // Absent texts point to protobuf-c's own empty one, or nowhere.
  if (!text || text == protobuf_c_empty_string) return 0;
  size_t size = ((const piece *)text - 1)->size - 1;
  return memchr(text, 0, size) ? -1 : (long)size;
}
