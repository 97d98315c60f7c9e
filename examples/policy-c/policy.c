// The policy `rate-limit` in C: policies/rate-limit/README.md specifies it to the letter.
//
// Nothing is freed: an instance serves one evaluation and is then gone with its memory.

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "policy_guest.h"
#include "text.h"

typedef policy_guest_string_t string;
typedef exports_writ_host_policy_decision_t decision;

enum per { PER_SUBJECT, PER_SUBJECT_ACTION, PER_GLOBAL };

// What `configure` leaves is what every evaluation starts from.
static struct {
  uint64_t limit;
  uint64_t window_seconds;
  enum per per;
  bool allow_within;
} settings;

static const char *const WHOM[] = {"this subject", "this subject and action", "everybody"};

static const char SCHEMA[] = {
#embed "settings.schema.json"
    , 0};

// Instants in milliseconds since the Unix epoch, oldest first, never falling.
struct window {
  uint64_t *instants;
  size_t count;
};

void exports_writ_host_policy_describe(exports_writ_host_policy_description_t *ret) {
  policy_guest_string_dup(&ret->name, "rate-limit");
  policy_guest_string_dup(&ret->version, "0.1.0");
  policy_guest_string_dup(&ret->summary,
                          "Denies more than a number of actions within a sliding window.");
  policy_guest_string_dup(&ret->settings_schema, SCHEMA);
}

static bool read_number(string *json, const char *name, uint64_t most, uint64_t *value,
                        string *err) {
  *value = json_number(json, name);
  if (*value >= 1 && *value <= most) return true;
  struct text text = {0};
  put(&text, "`"), put(&text, name), put(&text, "` is 1 to "), put_number(&text, most);
  put(&text, ", not "), put_number(&text, *value);
  *err = finish(&text);
  return false;
}

bool exports_writ_host_policy_configure(string *json, string *err) {
  if (!read_number(json, "limit", 1000, &settings.limit, err)) return false;
  if (!read_number(json, "window-seconds", 2678400, &settings.window_seconds, err)) return false;
  if (json_is(json, "per", "subject-action")) settings.per = PER_SUBJECT_ACTION;
  if (json_is(json, "per", "global")) settings.per = PER_GLOBAL;
  settings.allow_within = json_is(json, "on-within", "allow");
  return true;
}

static string storage_key(const exports_writ_host_policy_request_t *request) {
  struct text key = {0};
  switch (settings.per) {
  case PER_GLOBAL:
    put(&key, "global");
    break;
  case PER_SUBJECT:
    put(&key, "subject");
    put_part(&key, request->subject.kind), put_part(&key, request->subject.id);
    break;
  case PER_SUBJECT_ACTION:
    put(&key, "subject-action");
    put_part(&key, request->subject.kind), put_part(&key, request->subject.id);
    put_part(&key, request->action.name);
    break;
  }
  return finish(&key);
}

static bool fail(string *err, const char *what, const string *detail) {
  struct text text = {0};
  put(&text, what);
  if (detail) put(&text, ": "), put_bytes(&text, detail->ptr, detail->len);
  *err = finish(&text);
  return false;
}

// What `get` and `set` may fail with.
static bool storage_fails(string *err, const writ_host_storage_error_t *error) {
  if (error->tag == WRIT_HOST_STORAGE_ERROR_QUOTA_EXCEEDED)
    return fail(err, "storage quota exceeded", &error->val.quota_exceeded);
  return fail(err, "storage is unavailable", &error->val.unavailable);
}

// Decimal numbers of 1 to 15 digits with one space between them.
static bool parse(policy_guest_list_u8_t stored, struct window *window) {
  window->instants = malloc((stored.len / 2 + 2) * sizeof(uint64_t));
  size_t at = 0;
  do {
    uint64_t instant = 0;
    size_t digits = 0;
    for (; at < stored.len && stored.ptr[at] >= '0' && stored.ptr[at] <= '9'; at++, digits++) {
      instant = instant * 10 + (stored.ptr[at] - '0');
      if (digits == 15) return false;
    }
    if (digits == 0) return false;
    if (window->count > 0 && instant < window->instants[window->count - 1]) return false;
    window->instants[window->count++] = instant;
  } while (at < stored.len && stored.ptr[at++] == ' ');
  // The last byte that was read is a digit, unless something else follows the last number.
  return at == stored.len && stored.ptr[at - 1] >= '0' && stored.ptr[at - 1] <= '9';
}

static bool load(string *key, struct window *window, string *err) {
  writ_host_storage_option_entry_t entry;
  writ_host_storage_error_t error;
  if (!writ_host_storage_get(key, &entry, &error)) return storage_fails(err, &error);
  if (!entry.is_some) {
    window->instants = malloc(sizeof(uint64_t));
    return true;
  }
  return parse(entry.val.value, window) || fail(err, "the stored window is damaged", NULL);
}

static void slide(struct window *window, uint64_t now, uint64_t window_ms) {
  while (window->count > 0 && window->instants[0] + window_ms <= now)
    window->instants++, window->count--;
}

static bool store(string *key, const struct window *window, uint32_t ttl_seconds, string *err) {
  struct text text = {0};
  for (size_t at = 0; at < window->count; at++) {
    if (at > 0) put(&text, " ");
    put_number(&text, window->instants[at]);
  }
  string value = finish(&text);
  policy_guest_list_u8_t bytes = {value.ptr, value.len};
  uint64_t version;
  writ_host_storage_error_t error;
  return writ_host_storage_set(key, &bytes, &ttl_seconds, &version, &error) ||
         storage_fails(err, &error);
}

static string annotations(const char *name, uint64_t value) {
  struct text text = {0};
  put(&text, "{\"limit\":"), put_number(&text, settings.limit);
  put(&text, ",\"window-seconds\":"), put_number(&text, settings.window_seconds);
  put(&text, ",\""), put(&text, name), put(&text, "\":"), put_number(&text, value);
  put(&text, "}");
  return finish(&text);
}

static bool deny(decision *ret, uint64_t retry_after_seconds) {
  struct text text = {0};
  put(&text, "the limit of "), put_number(&text, settings.limit);
  put(&text, " in "), put_number(&text, settings.window_seconds);
  put(&text, " s for "), put(&text, WHOM[settings.per]);
  put(&text, " is reached; try again in "), put_number(&text, retry_after_seconds);
  put(&text, " s");
  ret->verdict.tag = EXPORTS_WRIT_HOST_POLICY_VERDICT_DENY;
  ret->verdict.val.deny = finish(&text);
  ret->annotations = annotations("retry-after-seconds", retry_after_seconds);
  return true;
}

static bool pass(decision *ret, uint64_t remaining) {
  ret->verdict.tag = settings.allow_within ? EXPORTS_WRIT_HOST_POLICY_VERDICT_ALLOW
                                           : EXPORTS_WRIT_HOST_POLICY_VERDICT_ABSTAIN;
  ret->annotations = annotations("remaining", remaining);
  return true;
}

static uint64_t seconds_rounded_up(uint64_t ms) { return (ms + 999) / 1000; }

bool exports_writ_host_policy_evaluate(exports_writ_host_policy_request_t *request, decision *ret,
                                       string *err) {
  string key = storage_key(request);
  uint64_t now = writ_host_execution_received_at();
  uint64_t window_ms = settings.window_seconds * 1000;

  struct window window = {0};
  if (!load(&key, &window, err)) return false;
  slide(&window, now, window_ms);
  if (writ_host_execution_has_begun()) {
    // It was counted when it began.
    return pass(ret, settings.limit > window.count ? settings.limit - window.count : 0);
  }
  if (window.count >= settings.limit) {
    uint64_t leaves_first = window.instants[window.count - settings.limit];
    return deny(ret, seconds_rounded_up(leaves_first + window_ms - now));
  }
  uint64_t newest = now;
  if (window.count > 0 && window.instants[window.count - 1] > now)
    newest = window.instants[window.count - 1];
  window.instants[window.count++] = newest;
  uint64_t ttl_seconds = settings.window_seconds + seconds_rounded_up(newest - now);
  uint32_t ttl = ttl_seconds > UINT32_MAX ? UINT32_MAX : (uint32_t)ttl_seconds;
  if (!store(&key, &window, ttl, err)) return false;
  return pass(ret, settings.limit - window.count);
}

// The bindings ask for an object file that holds the contract's type. There is none in this folder:
// the build puts the type into the linked module.
void __component_type_object_force_link_policy_guest(void) {}
