// The policy `rate-limit` in JavaScript: policies/rate-limit/README.md specifies it to the letter.
//
// It shows how a policy looks in a language without an SDK: WIT's functions are imports and
// exports, an option that is none is `null`, a result that is an error is thrown.

import execution from "writ:host/execution@0.1.0";
import storage from "writ:host/storage@0.1.0";
import settingsSchema from "./settings-schema.js";

const WHOM = {
  "subject": "this subject",
  "subject-action": "this subject and action",
  "global": "everybody",
};

// What `get` and `set` may fail with.
const STORAGE_ERRORS = {
  "quota-exceeded": "storage quota exceeded",
  "unavailable": "storage is unavailable",
};

const SPACE = 0x20;

// What `configure` leaves is what every evaluation starts from.
let settings;

function describe() {
  return {
    name: "rate-limit",
    version: "0.1.0",
    summary: "Denies more than a number of actions within a sliding window.",
    settingsSchema,
  };
}

function configure(json) {
  const given = JSON.parse(json);
  mustBeWithin("limit", given.limit, 1000);
  mustBeWithin("window-seconds", given["window-seconds"], 2678400);
  settings = {
    limit: given.limit,
    windowSeconds: given["window-seconds"],
    per: given.per ?? "subject",
    onWithin: given["on-within"] ?? "abstain",
  };
}

function evaluate(request) {
  const key = storageKey(request);
  const now = Number(execution.receivedAt());
  const windowMs = settings.windowSeconds * 1000;

  const window = slide(stored(key), now - windowMs);
  const over = window.instants.length - settings.limit;
  if (execution.hasBegun()) {
    // It was counted when it began.
    return pass(Math.max(-over, 0));
  }
  if (over >= 0) {
    return deny(Math.ceil((window.instants[over] + windowMs - now) / 1000));
  }
  const newest = Math.max(now, window.instants.at(-1) ?? 0);
  const ttlSeconds = settings.windowSeconds + Math.ceil((newest - now) / 1000);
  store(key, window, newest, ttlSeconds);
  return pass(-over - 1);
}

export const policy = { describe, configure, evaluate };

function mustBeWithin(name, value, most) {
  if (!(value >= 1 && value <= most)) {
    throw `\`${name}\` is 1 to ${most}, not ${value}`;
  }
}

function storageKey({ subject, action }) {
  switch (settings.per) {
    case "global":
      return "global";
    case "subject-action":
      return join("subject-action", subject.kind, subject.id, action.name);
    default:
      return join("subject", subject.kind, subject.id);
  }
}

// No two lists of parts make the same key.
function join(...parts) {
  return parts.map((part) => part.replaceAll("%", "%25").replaceAll("/", "%2F")).join("/");
}

// A window is the bytes as they are stored, and the instants that they say. Both are kept, since
// in an interpreter a step a byte would cost more than all the rest.
function stored(key) {
  const entry = orThrowText(() => storage.get(key));
  return entry == null ? { bytes: new Uint8Array(), instants: [] } : parse(entry.value);
}

function parse(bytes) {
  const text = decode(bytes);
  const instants = text.split(" ").map(Number);
  const wellFormed = /^[0-9]{1,15}(?: [0-9]{1,15})*$/.test(text);
  if (!wellFormed || instants.some((instant, at) => instant < instants[at - 1])) {
    throw "the stored window is damaged";
  }
  return { bytes, instants };
}

// What is left of a window when all that happened until `gone` has left it.
function slide({ bytes, instants }, gone) {
  const first = instants.findIndex((instant) => instant > gone);
  if (first < 0) {
    return { bytes: new Uint8Array(), instants: [] };
  }
  let start = 0;
  for (let at = 0; at < first; at++) {
    start = bytes.indexOf(SPACE, start) + 1;
  }
  return { bytes: bytes.subarray(start), instants: instants.slice(first) };
}

function store(key, { bytes, instants }, newest, ttlSeconds) {
  const added = encode(instants.length > 0 ? ` ${newest}` : `${newest}`);
  const value = new Uint8Array(bytes.length + added.length);
  value.set(bytes);
  value.set(added, bytes.length);
  orThrowText(() => storage.set(key, value, ttlSeconds));
}

// QuickJS has neither TextDecoder nor TextEncoder; a stored window has ASCII only.
function decode(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 1000) {
    text += String.fromCharCode.apply(null, bytes.subarray(at, at + 1000));
  }
  return text;
}

function encode(text) {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

// The contract's `evaluate` fails with a text, storage with a variant.
function orThrowText(call) {
  try {
    return call();
  } catch (error) {
    const { tag, val } = error.payload;
    throw `${STORAGE_ERRORS[tag]}: ${val}`;
  }
}

function deny(retryAfterSeconds) {
  const { limit, windowSeconds, per } = settings;
  const reason = `the limit of ${limit} in ${windowSeconds} s for ${WHOM[per]} is reached; ` +
    `try again in ${retryAfterSeconds} s`;
  return decision({ tag: "deny", val: reason }, { "retry-after-seconds": retryAfterSeconds });
}

function pass(remaining) {
  return decision({ tag: settings.onWithin }, { remaining });
}

function decision(verdict, more) {
  const { limit, windowSeconds } = settings;
  const annotations = { limit, "window-seconds": windowSeconds, ...more };
  return { verdict, annotations: JSON.stringify(annotations) };
}
