// Members of a flat JSON object, which is all that these settings are.
//
// The host has validated them against the schema and hands them over in canonical form (RFC 8785),
// so there are no spaces, and neither names nor values that matter have escapes.

#ifndef JSON_H
#define JSON_H

#include <string.h>

#include "policy_guest.h"

// Where the value of a member starts; none: there is no such member.
static inline const uint8_t *json_member(const policy_guest_string_t *json, const char *name) {
  size_t length = strlen(name);
  const uint8_t *end = json->ptr + json->len;
  for (const uint8_t *at = json->ptr; at < end; at++) {
    bool starts = *at == '{' || *at == ',';
    if (!starts || (size_t)(end - at) < length + 5) continue;
    if (at[1] == '"' && memcmp(at + 2, name, length) == 0 && memcmp(at + 2 + length, "\":", 2) == 0)
      return at + 4 + length;
  }
  return NULL;
}

// A member that is a whole number; 0 where there is none.
static inline uint64_t json_number(const policy_guest_string_t *json, const char *name) {
  const uint8_t *end = json->ptr + json->len;
  uint64_t number = 0;
  const uint8_t *at = json_member(json, name);
  for (; at && at < end && *at >= '0' && *at <= '9'; at++) number = number * 10 + (*at - '0');
  return number;
}

// Whether a member is this string.
static inline bool json_is(const policy_guest_string_t *json, const char *name, const char *value) {
  const uint8_t *at = json_member(json, name);
  size_t length = strlen(value), left = at ? (size_t)(json->ptr + json->len - at) : 0;
  return left >= length + 2 && at[0] == '"' && memcmp(at + 1, value, length) == 0 &&
         at[1 + length] == '"';
}

#endif
