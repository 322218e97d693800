// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <stddef.h>
#include <stdint.h>

// libbson's own headers stay out of this one: its iterator is over-aligned, holds raw pointers and must not outlive the
// bytes it walks. It lives on the C stack for one call; callers see offsets.

/// One element of a BSON document, all places as offsets from the document's first byte.
typedef struct keyfold_bson_element {
  uint8_t type;            ///< the BSON type byte
  uint8_t subtype;         ///< of a binary
  uint32_t key_offset;     ///< of the first byte of the key
  uint32_t key_length;     ///< without the NUL
  uint32_t first_offset;   ///< of the string, document, array, binary, ObjectId, pattern, code or namespace
  uint32_t first_length;
  uint32_t second_offset;  ///< of a regex's options, a scope document, a DBPointer's ObjectId
  uint32_t second_length;
  uint32_t next_offset;    ///< where the next element starts: the `offset` of the next call
  uint64_t low;            ///< the bits of a number, date, timestamp (seconds above) or bool; low half of a decimal
  uint64_t high;           ///< high half of a decimal
} keyfold_bson_element;

/// Reads the element that starts at `offset` (4 is the first). Returns 1 and fills `element`, 0 at the document's end,
/// -1 if the bytes are not BSON.
int32_t keyfold_bson_element_at(
  const uint8_t *document, size_t length, size_t offset, keyfold_bson_element *element);
