// Text that grows: C has none, and `printf` would bring files into the component.

#ifndef TEXT_H
#define TEXT_H

#include <stdlib.h>
#include <string.h>

#include "policy_guest.h"

struct text {
  uint8_t *bytes;
  size_t length;
  size_t room;
};

static inline void put_bytes(struct text *text, const void *bytes, size_t length) {
  if (text->room - text->length < length) {
    text->room = 2 * text->room + length + 64;
    text->bytes = realloc(text->bytes, text->room);
    // A policy that has no memory left must not go on: a trap denies.
    if (!text->bytes) abort();
  }
  memcpy(text->bytes + text->length, bytes, length);
  text->length += length;
}

static inline void put(struct text *text, const char *string) {
  put_bytes(text, string, strlen(string));
}

static inline void put_number(struct text *text, uint64_t number) {
  char digits[20];
  size_t at = sizeof digits;
  do digits[--at] = (char)('0' + number % 10);
  while (number /= 10);
  put_bytes(text, digits + at, sizeof digits - at);
}

// A slash and a part of a storage key. No two lists of parts make the same key.
static inline void put_part(struct text *text, policy_guest_string_t part) {
  put(text, "/");
  for (size_t at = 0; at < part.len; at++) {
    if (part.ptr[at] == '%') put(text, "%25");
    else if (part.ptr[at] == '/') put(text, "%2F");
    else put_bytes(text, part.ptr + at, 1);
  }
}

static inline policy_guest_string_t finish(struct text *text) {
  return (policy_guest_string_t){text->bytes, text->length};
}

#endif
