// SPDX-License-Identifier: GPL-3.0-or-later
#include "shim.h"

#include <bson/bson.h>
#include <string.h>

// Values that are variable in length: libbson hands out pointers into the document, turned into offsets here.
static int place(
  const uint8_t *document, size_t length, const void *start, size_t count, uint32_t *offset, uint32_t *size) {
  const uint8_t *bytes = start;
  if (bytes == NULL || bytes < document || (size_t)(bytes - document) > length) return 0;
  if (count > length - (size_t)(bytes - document)) return 0;
  *offset = (uint32_t)(bytes - document);
  *size = (uint32_t)count;
  return 1;
}

static int read_places(bson_iter_t *iter, const uint8_t *document, size_t length, keyfold_bson_element *out) {
  uint32_t count = 0, scope_count = 0;
  const uint8_t *bytes = NULL;
  const char *text = NULL;
  const bson_oid_t *oid = NULL;
  bson_subtype_t subtype = BSON_SUBTYPE_BINARY;
  switch (bson_iter_type(iter)) {
    case BSON_TYPE_UTF8:
      text = bson_iter_utf8(iter, &count);
      return place(document, length, text, count, &out->first_offset, &out->first_length);
    case BSON_TYPE_SYMBOL:
      text = bson_iter_symbol(iter, &count);
      return place(document, length, text, count, &out->first_offset, &out->first_length);
    case BSON_TYPE_CODE:
      text = bson_iter_code(iter, &count);
      return place(document, length, text, count, &out->first_offset, &out->first_length);
    case BSON_TYPE_DOCUMENT:
      bson_iter_document(iter, &count, &bytes);
      return place(document, length, bytes, count, &out->first_offset, &out->first_length);
    case BSON_TYPE_ARRAY:
      bson_iter_array(iter, &count, &bytes);
      return place(document, length, bytes, count, &out->first_offset, &out->first_length);
    case BSON_TYPE_BINARY:
      bson_iter_binary(iter, &subtype, &count, &bytes);
      out->subtype = (uint8_t)subtype;
      return place(document, length, bytes, count, &out->first_offset, &out->first_length);
    case BSON_TYPE_OID:
      oid = bson_iter_oid(iter);
      return place(document, length, oid, 12, &out->first_offset, &out->first_length);
    case BSON_TYPE_REGEX: {
      const char *options = NULL;
      text = bson_iter_regex(iter, &options);
      return text != NULL && options != NULL
        && place(document, length, text, strlen(text), &out->first_offset, &out->first_length)
        && place(document, length, options, strlen(options), &out->second_offset, &out->second_length);
    }
    case BSON_TYPE_CODEWSCOPE:
      text = bson_iter_codewscope(iter, &count, &scope_count, &bytes);
      return place(document, length, text, count, &out->first_offset, &out->first_length)
        && place(document, length, bytes, scope_count, &out->second_offset, &out->second_length);
    case BSON_TYPE_DBPOINTER:
      bson_iter_dbpointer(iter, &count, &text, &oid);
      return place(document, length, text, count, &out->first_offset, &out->first_length)
        && place(document, length, oid, 12, &out->second_offset, &out->second_length);
    default:
      return 1;
  }
}

static int read_bits(bson_iter_t *iter, keyfold_bson_element *out) {
  switch (bson_iter_type(iter)) {
    case BSON_TYPE_DOUBLE: {
      double number = bson_iter_double(iter);
      memcpy(&out->low, &number, sizeof number);
      return 1;
    }
    case BSON_TYPE_BOOL:
      out->low = bson_iter_bool(iter) ? 1 : 0;
      return 1;
    case BSON_TYPE_DATE_TIME:
      out->low = (uint64_t)bson_iter_date_time(iter);
      return 1;
    case BSON_TYPE_INT32:
      out->low = (uint64_t)(int64_t)bson_iter_int32(iter);
      return 1;
    case BSON_TYPE_INT64:
      out->low = (uint64_t)bson_iter_int64(iter);
      return 1;
    case BSON_TYPE_TIMESTAMP: {
      uint32_t seconds = 0, increment = 0;
      bson_iter_timestamp(iter, &seconds, &increment);
      out->low = ((uint64_t)seconds << 32) | increment;
      return 1;
    }
    case BSON_TYPE_DECIMAL128: {
      bson_decimal128_t decimal;
      if (!bson_iter_decimal128(iter, &decimal)) return 0;
      out->low = decimal.low;
      out->high = decimal.high;
      return 1;
    }
    default:
      return 1;
  }
}

int32_t keyfold_bson_element_at(
  const uint8_t *document, size_t length, size_t offset, keyfold_bson_element *element) {
  bson_iter_t iter;
  memset(element, 0, sizeof *element);
  if (offset < 4 || offset >= length || length > INT32_MAX) return -1;
  if (!bson_iter_init_from_data(&iter, document, length)) return -1;
  // An iterator is its place: starting it anywhere is what lets the caller keep a number instead of the iterator.
  iter.next_off = (uint32_t)offset;
  // bson_iter_next also answers false for bytes it can't read; only the last NUL is an end.
  if (!bson_iter_next(&iter)) return offset == length - 1 && document[offset] == 0 ? 0 : -1;
  element->type = (uint8_t)bson_iter_type(&iter);
  const char *key = bson_iter_key(&iter);
  if (!place(document, length, key, strlen(key), &element->key_offset, &element->key_length)) return -1;
  if (!read_places(&iter, document, length, element) || !read_bits(&iter, element)) return -1;
  element->next_offset = iter.next_off;
  return 1;
}
