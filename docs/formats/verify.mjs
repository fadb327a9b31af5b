// A second implementation of docs/formats.md, in plain JavaScript: no package, no build, Node 20 or newer.
//
//   node verify.mjs FILE [--expect HASH] [--json]    verify a bundle (of many FILEs: each in turn)
//   node verify.mjs --vectors vectors.json           compute the golden vectors and compare
//
// Exit status: 0 verified, 1 a difference was found, 2 the file is refused, or wrong usage; of many files
// the highest. It follows the document and shares no code with `ledger_core`. A bundle is read as a whole,
// so it may have at most 2 GiB; `ledger_core` streams.

import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import process from "node:process";

const MAX_QUANTITY = 2n ** 63n - 1n;
const MAX_LEVELS = 64;
const MAX_WEIGHT = 10 ** 12;
const MAX_WEIGHTS = 1_000;
const MAX_CORRECTIONS = 1_000;
const LINE_LIMITS = { "manifest.json": 65_536, "statement.json": 67_108_864, "chain.jsonl": 67_108_864 };
const OTHER_LINE_LIMIT = 1_048_576;
const CONTENTS = ["statement.json", "chain.jsonl", "pool.jsonl", "allocations.jsonl", "events.jsonl"];
const ENTRIES = [...CONTENTS, "manifest.json"];
const ALGORITHMS = { allocation: "weight-sum-v0", payout: "largest-remainder-v0" };
const CHECKS = [
  "files", "statement-hash", "expected-hash", "chain-links", "chain-node", "chain-epochs", "chain-windows",
  "event-order", "payload-hashes", "event-windows", "activity-set", "allocations", "allocation-set",
  "pool-base", "pool-components", "pool-total", "payouts", "undistributed", "document",
];

/** The file is no well-formed bundle. */
class Refused extends Error {}

function demand(holds, what) {
  if (!holds) throw new Refused(what);
}

// --- Text, hashes, canonical JSON ---------------------------------------------------------------------

const utf8 = (text) => Buffer.from(text, "utf8");
const sha256 = (data) => createHash("sha256").update(data).digest("hex");

/** The order of code points. JavaScript's own is that of UTF-16, which puts U+1F600 before U+FB33. */
const byCodePoint = (a, b) => Buffer.compare(utf8(a), utf8(b));

/** RFC 8785 for null, booleans, strings, arrays, objects, and integers that a double holds exactly. */
function canonical(value, levels = MAX_LEVELS) {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    demand(Number.isSafeInteger(value), "a number is no integer from -(2^53-1) to 2^53-1");
    return String(value);
  }
  if (typeof value === "string") {
    demand(value.isWellFormed(), "a string has a lone surrogate");
    return JSON.stringify(value); // escapes exactly what RFC 8785 does
  }
  demand(levels > 0, `more than ${MAX_LEVELS} levels`);
  const inner = (item) => canonical(item, levels - 1);
  if (Array.isArray(value)) return `[${value.map(inner).join(",")}]`;
  const keys = Object.keys(value).sort(); // the default order is that of UTF-16 code units
  return `{${keys.map((key) => `${inner(key)}:${inner(value[key])}`).join(",")}}`;
}

/** Read canonical JSON. A key that occurs twice, a float, -0, a large number: each is written otherwise. */
function readCanonical(data, where) {
  let text, value;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
    value = JSON.parse(text);
  } catch (error) {
    throw new Refused(`${where}: ${error.message}`);
  }
  demand(canonical(value) === text, `${where}: not canonical JSON`);
  return value;
}

// --- Values -------------------------------------------------------------------------------------------

const isString = (value) => typeof value === "string";
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isCount = (value) => Number.isSafeInteger(value) && value >= 0;
const isHash = (value) => isString(value) && /^[0-9a-f]{64}$/.test(value);
const isNodeId = (value) => isString(value) && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value);
const isQuantity = (value) =>
  isString(value) && /^(0|[1-9][0-9]{0,18})$/.test(value) && BigInt(value) <= MAX_QUANTITY;
const isIdentifier = (value) =>
  isString(value) &&
  value !== "" &&
  [...value].length <= 255 && // code points, not UTF-16 units
  !/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(value) &&
  !/^\p{White_Space}|\p{White_Space}$/u.test(value); // not \s, which has U+FEFF as well
const isName = (value) => isString(value) && /^[a-z][a-z0-9_.-]{0,62}$/.test(value);
const isTime = (value) => {
  const parts = isString(value) && /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{6})?Z$/.exec(value);
  if (!parts || parts[2] === ".000000" || value.startsWith("0000")) return false;
  const instant = new Date(`${parts[1]}Z`);
  return !Number.isNaN(instant.getTime()) && instant.toISOString() === `${parts[1]}.000Z`;
};
const isWeight = ([key, weight]) => {
  const names = key.split(":");
  return names.length === 2 && names.every(isName) && isCount(weight) && weight <= MAX_WEIGHT;
};
const isWeights = (value) =>
  isObject(value) && Object.keys(value).length <= MAX_WEIGHTS && Object.entries(value).every(isWeight);
const orNull = (is) => (value) => value === null || is(value);
const oneOf = (...values) => (value) => values.includes(value);

/** A time as a text whose order is that of time: always with a fraction. */
const sortable = (time) => (time.length > 20 ? time : `${time.slice(0, 19)}.000000Z`);
const isWithin = (time, window) =>
  sortable(window.period_start) <= sortable(time) && sortable(time) < sortable(window.period_end);

// --- Records ------------------------------------------------------------------------------------------

const STATEMENT = {
  format: oneOf("ledger-statement/1"), node_id: isNodeId, epoch_id: isQuantity,
  period_start: isTime, period_end: isTime, weight_config: isWeights,
  allocation_algorithm: oneOf(ALGORITHMS.allocation), payout_algorithm: oneOf(ALGORITHMS.payout),
  activity_set_hash: isHash, allocation_set_hash: isHash, previous_statement_hash: orNull(isHash),
  // What is in these is compared with what it should be, and needs no other form.
  pool_components: Array.isArray, pool_total_credits: isString,
  payouts: Array.isArray, undistributed_credits: isString,
};
const STATEMENT_2 = { ...STATEMENT, format: oneOf("ledger-statement/2"), completeness: Array.isArray };
const STATEMENT_3 = { ...STATEMENT_2, format: oneOf("ledger-statement/3"), amendment: isObject };
const FORMATS = { "ledger-statement/2": STATEMENT_2, "ledger-statement/3": STATEMENT_3 };
const isLine = (most) => (value) =>
  isString(value) && value !== "" && [...value].length <= most &&
  !/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(value);
const STREAM = {
  source: isName, source_ref: isIdentifier, stream: isName, verdict: oneOf("complete", "early", "waived"),
  gap: orNull(isObject), reason: orNull(isLine(2000)), waived_by: orNull(isLine(255)),
};
const GAP = { begins: orNull(isLine(100)), counts: Array.isArray, problem: orNull(isName) };
const COUNT = { what: isLine(100), route: isLine(100), seen: isQuantity, independent: isQuantity };
const AMENDMENT = {
  supersedes: isHash, reason: isLine(2000), amended_by: isLine(255), corrections: Array.isArray,
};
const CORRECTION = { user_id: isIdentifier, units: isQuantity, reason: isLine(2000), amended_by: isLine(255) };
const COMPONENT = {
  algorithm_version: isIdentifier, amount_credits: isQuantity, component_id: isIdentifier,
  computed_at: isTime, evidence_ref: orNull(isString), inputs: isObject,
};
const ALLOCATION = {
  activity_count: isCount, final_units: orNull(isQuantity), override_at: orNull(isTime),
  override_by: orNull(isString), override_reason: orNull(isString), proposed_units: isQuantity,
  user_id: isIdentifier,
};
const EVENT = {
  payload: isObject, payload_hash: isHash, producer: isIdentifier, producer_version: isIdentifier,
  retrieved_at: isTime, curation: isObject,
};
const PAYLOAD = {
  artifact_url: orNull(isString), event_time: isTime, event_type: isName, id: isIdentifier,
  metadata: isObject, platform_login: orNull(isString), platform_user_id: orNull(isString), source: isName,
};
const CURATION = {
  included: oneOf(true, false), judged_at: orNull(isTime), judged_by: orNull(isString),
  late_from_epoch_id: orNull(isQuantity), note: orNull(isString), user_id: orNull(isIdentifier),
  weight_override_milli: orNull(isQuantity),
};
const MANIFEST = { format: oneOf("ledger-bundle/1"), statement_hash: isHash, files: isObject };
const SUMMARY = { bytes: isCount, records: isCount, sha256: isHash };

/** Return value if it is an object with exactly the fields, each of its kind. */
function record(value, fields, where) {
  demand(isObject(value), `${where}: not an object`);
  for (const [name, is] of Object.entries(fields)) {
    demand(Object.hasOwn(value, name), `${where}: ${name} is missing`);
    demand(is(value[name]), `${where}: ${name} is malformed`);
  }
  const added = Object.keys(value).find((name) => !Object.hasOwn(fields, name));
  demand(added === undefined, `${where}: ${JSON.stringify(added)} is no field`);
  return value;
}

/** How complete the epoch's streams were: of the second format, and a fact that no bundle can recompute. */
function checkCompleteness(streams, where) {
  let last = null;
  for (const stream of streams) {
    record(stream, STREAM, `${where}: completeness`);
    const isWaived = stream.verdict === "waived";
    const decided = [stream.gap, stream.reason, stream.waived_by];
    demand(decided.every((part) => (part !== null) === isWaived), `${where}: a waiver is malformed`);
    if (isWaived) checkGap(stream.gap, where);
    const name = [stream.source, stream.source_ref, stream.stream];
    demand(last === null || byNames(last, name) < 0, `${where}: streams are not in order`);
    last = name;
  }
}

/** What an amendment corrects: of the third format, and held by the hash alone, as completeness is. */
function checkAmendment(amendment, where) {
  record(amendment, AMENDMENT, `${where}: amendment`);
  const { corrections } = amendment;
  demand(corrections.length <= MAX_CORRECTIONS, `${where}: too many corrections`);
  for (const [index, correction] of corrections.entries()) {
    record(correction, CORRECTION, `${where}: correction`);
    const isNext = index === 0 || byCodePoint(corrections[index - 1].user_id, correction.user_id) < 0;
    demand(isNext, `${where}: corrections are not in order`);
  }
}

function checkGap(gap, where) {
  record(gap, GAP, `${where}: gap`);
  demand(gap.problem !== null || gap.counts.length > 0, `${where}: a gap of nothing`);
  for (const count of gap.counts) {
    record(count, COUNT, `${where}: count`);
    demand(count.seen !== count.independent, `${where}: counts of a gap agree`);
  }
}

const byNames = (a, b) => a.map((part, at) => byCodePoint(part, b[at])).find((order) => order !== 0) ?? 0;

function readStatement(data, where) {
  const value = readCanonical(data, where);
  const fields = (isObject(value) && Object.hasOwn(FORMATS, value.format) && FORMATS[value.format]) || STATEMENT;
  const document = record(value, fields, where);
  if (document.amendment) checkAmendment(document.amendment, where);
  if (document.completeness) {
    demand(document.amendment || document.completeness.length > 0, `${where}: completeness has no streams`);
    checkCompleteness(document.completeness, where);
  }
  const isWindow = sortable(document.period_start) < sortable(document.period_end);
  demand(isWindow, `${where}: the period ends before it starts`);
  return document;
}

function readEvent(data, where) {
  const event = record(readCanonical(data, where), EVENT, where);
  record(event.payload, PAYLOAD, `${where}: payload`);
  record(event.curation, CURATION, `${where}: curation`);
  return event;
}

function readManifest(data) {
  const manifest = record(readCanonical(data, "manifest.json"), MANIFEST, "manifest.json");
  record(manifest.files, Object.fromEntries(CONTENTS.map((name) => [name, isObject])), "manifest.json");
  for (const name of CONTENTS) record(manifest.files[name], SUMMARY, `manifest.json: ${name}`);
  demand(manifest.files["statement.json"].records === 1, "manifest.json: statement.json is one record");
  return manifest;
}

/** Yield each line of an entry, without its U+000A, and where it stands. */
function* linesOf(entries, name) {
  const data = entries[name].data;
  for (let start = 0, number = 1; start < data.length; number += 1) {
    const end = data.indexOf(0x0a, start);
    const where = `${name} line ${number}`;
    demand(end >= 0, `${where}: no end of line`);
    demand(end - start <= (LINE_LIMITS[name] ?? OTHER_LINE_LIMIT), `${where}: too long`);
    yield [data.subarray(start, end), where];
    start = end + 1;
  }
}

// --- The zip ------------------------------------------------------------------------------------------

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(data) {
  let value = 0xffffffff;
  for (const byte of data) value = CRC_TABLE[(value ^ byte) & 0xff] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

const littleEndian = (size) => (...values) =>
  Buffer.concat(values.map((value) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    return bytes.subarray(0, size);
  }));
const [u16, u32, u64] = [2, 4, 8].map(littleEndian);
const signature = (kind) => Buffer.from(`PK${kind}`, "latin1");
const ALL = 0xffffffff;

const localHeader = ({ name, crc, size }) =>
  Buffer.concat([
    signature("\x03\x04"), u16(45, 0, 0, 0, 33), u32(crc, ALL, ALL), u16(name.length, 20),
    utf8(name), u16(1, 16), u64(size, size),
  ]);
const centralHeader = ({ name, crc, size, offset }) =>
  Buffer.concat([
    signature("\x01\x02"), u16(813, 45, 0, 0, 0, 33), u32(crc, ALL, ALL), u16(name.length, 28, 0, 0, 0),
    u32(0x81a40000, ALL), utf8(name), u16(1, 24), u64(size, size, offset),
  ]);
const endOf = (count, size, offset) =>
  Buffer.concat([
    signature("\x06\x06"), u64(44), u16(813, 45), u32(0, 0), u64(count, count, size, offset),
    signature("\x06\x07"), u32(0), u64(offset + size), u32(1),
    signature("\x05\x06"), u16(0, 0, 0xffff, 0xffff), u32(ALL, ALL), u16(0),
  ]);

/** Return the entries of a bundle. What isn't content has exactly one form: it is made, and compared. */
function readZip(file) {
  const entries = {};
  let offset = 0;
  for (const name of ENTRIES) {
    const start = offset + localHeader({ name, crc: 0, size: 0 }).length;
    demand(start <= file.length, `${name}: the file is truncated`);
    const crc = file.readUInt32LE(offset + 14);
    const size = Number(file.readBigUInt64LE(start - 8));
    const header = localHeader({ name, crc, size: file.readBigUInt64LE(start - 8) });
    demand(header.equals(file.subarray(offset, start)), `${name}: the local header is not that of a bundle`);
    demand(start + size <= file.length, `${name}: the file is truncated`);
    entries[name] = { name, crc, size, offset, data: file.subarray(start, start + size) };
    offset = start + size;
  }
  const central = Buffer.concat(Object.values(entries).map(centralHeader));
  const end = Buffer.concat([central, endOf(ENTRIES.length, central.length, offset)]);
  demand(end.equals(file.subarray(offset)), "the end of the zip is not that of a bundle");
  for (const name of ["statement.json", "manifest.json"]) {
    demand(entries[name].size <= LINE_LIMITS[name], `${name}: too long`);
  }
  return entries;
}

// --- What the ledger computes -------------------------------------------------------------------------

const sumOf = (values) => values.reduce((sum, value) => sum + value, 0n);

/** The weight of an event: its override, else the policy's, else 0. */
function weightOf(payload, override, weights) {
  const key = `${payload.source}:${payload.event_type}`;
  if (override !== null) return BigInt(override);
  return Object.hasOwn(weights, key) ? BigInt(weights[key]) : 0n;
}

/** What events give together: the hash of them all, and everybody's units and number of events. */
class Activity {
  #lines = createHash("sha256");
  #isFirst = true;
  users = new Map();

  add(payload, payloadHash, user, included, weight) {
    const line = canonical([payload.id, payloadHash, user, included, String(weight)]);
    this.#lines.update(this.#isFirst ? line : `\n${line}`);
    this.#isFirst = false;
    if (!included || user === null) return;
    const { units, events } = this.of(user);
    this.users.set(user, { units: units + weight, events: events + 1 });
  }

  of(user) {
    return this.users.get(user) ?? { units: 0n, events: 0 };
  }

  hash() {
    return this.#lines.digest("hex");
  }
}

/** Hash pairs of user and units. */
const allocationSetHash = (units) =>
  sha256([...units].sort(([a], [b]) => byCodePoint(a, b)).map((pair) => pair.join(":")).join("\n"));

/** The payouts of a pool over pairs of user and units: `largest-remainder-v0`. */
function computePayouts(units, pool) {
  const total = sumOf([...units].map(([, amount]) => amount));
  if (pool === 0n || total === 0n) return [];
  const lines = [...units]
    .map(([user, amount]) => ({
      user, amount, credits: (amount * pool) / total, remainder: (amount * pool) % total,
    }))
    .sort((a, b) => byCodePoint(a.user, b.user));
  const rank = (a, b) => (a.remainder === b.remainder ? 0 : a.remainder > b.remainder ? -1 : 1);
  const missing = Number(pool - sumOf(lines.map((line) => line.credits)));
  for (const line of [...lines].sort(rank).slice(0, missing)) line.credits += 1n; // the sort is stable
  return lines.map(({ user, amount, credits }) => ({
    user_id: user,
    total_units: String(amount),
    share: String((amount * 1_000_000n) / total).padStart(7, "0").replace(/(?=.{6}$)/, "."),
    amount_credits: String(credits),
  }));
}

const statedComponent = ({ component_id, algorithm_version, amount_credits, evidence_ref, inputs }) => ({
  component_id, algorithm_version, amount_credits, evidence_ref, inputs_hash: sha256(canonical(inputs)),
});

const undistributedOf = (pool, payouts) =>
  String(pool - sumOf(payouts.map((line) => BigInt(line.amount_credits))));

/** The document of an epoch's own facts and what was computed. */
const documentOf = ({ node_id, epoch_id, period_start, period_end, weight_config, ...more }, computed) =>
  canonical({
    ...(more.completeness === undefined ? {} : { completeness: more.completeness }),
    ...(more.amendment === undefined ? {} : { amendment: more.amendment }),
    format: `ledger-statement/${more.amendment ? 3 : more.completeness ? 2 : 1}`, node_id, epoch_id: String(epoch_id), period_start, period_end,
    weight_config, allocation_algorithm: ALGORITHMS.allocation, payout_algorithm: ALGORITHMS.payout,
    ...computed,
  });

// --- Verifying ----------------------------------------------------------------------------------------

/** The first difference of each check. */
class Differences {
  #found = new Map();

  add(check, where, expected, found) {
    if (!this.#found.has(check)) this.#found.set(check, { check, where, expected, found });
  }

  compare(check, where, expected, found) {
    if (expected !== found) this.add(check, where, expected, found);
  }

  first() {
    return this.#found.get(CHECKS.find((check) => this.#found.has(check))) ?? null;
  }
}

/** Verify a bundle's bytes: the hash of its statement, and the first difference or null. */
function verify(file, expectedHash) {
  const differences = new Differences();
  const entries = readZip(file);
  const manifest = readManifest(entries["manifest.json"].data);
  checkFiles(differences, entries, manifest);
  const statementHash = sha256(entries["statement.json"].data);
  if (!differences.first()) {
    differences.compare("statement-hash", "manifest.json", statementHash, manifest.statement_hash);
    if (expectedHash !== null) {
      differences.compare("expected-hash", "statement.json", expectedHash, statementHash);
    }
    checkContents(differences, entries);
  }
  return { statement_hash: statementHash, first_difference: differences.first() };
}

function checkFiles(differences, entries, manifest) {
  for (const name of ENTRIES) {
    const { crc, size, data } = entries[name];
    differences.compare("files", `${name}: CRC-32`, crc, crc32(data));
    if (name === "manifest.json") continue;
    const stated = manifest.files[name];
    let records = name === "statement.json" ? 1 : 0;
    if (records === 0) for (const byte of data) records += byte === 0x0a;
    differences.compare("files", `${name}: bytes`, stated.bytes, size);
    differences.compare("files", `${name}: records`, stated.records, records);
    differences.compare("files", `${name}: sha256`, stated.sha256, sha256(data));
  }
}

function checkContents(differences, entries) {
  const bytes = entries["statement.json"].data;
  const statement = readStatement(bytes, "statement.json");
  const compare = (check, expected, found) => differences.compare(check, "statement.json", expected, found);
  const previous = checkChain(differences, entries, statement);
  const activity = checkEvents(differences, entries, statement, previous.windows);
  const activitySetHash = activity.hash();
  compare("activity-set", activitySetHash, statement.activity_set_hash);
  const units = checkAllocations(differences, entries, activity);
  for (const made of statement.amendment?.corrections ?? []) units.set(made.user_id, BigInt(made.units));
  compare("allocation-set", allocationSetHash(units), statement.allocation_set_hash);
  const pool = checkPool(differences, entries, statement);
  const payouts = computePayouts(units, pool.total);
  checkLists(differences, "payouts", payouts, statement.payouts);
  const undistributed = undistributedOf(pool.total, payouts);
  compare("undistributed", undistributed, statement.undistributed_credits);
  const document = documentOf(statement, {
    activity_set_hash: activitySetHash,
    allocation_set_hash: allocationSetHash(units),
    pool_components: pool.components,
    pool_total_credits: String(pool.total),
    payouts,
    undistributed_credits: undistributed,
    previous_statement_hash: previous.hash,
  });
  compare("document", sha256(document), sha256(bytes));
}

/** Check the chain; return the hash of its last document, and each earlier epoch's window. */
function checkChain(differences, entries, statement) {
  let hash = null;
  const windows = new Map(); // of each epoch the newest document so far
  const hashes = new Map(); // and its hash
  const follow = (document, where) => {
    differences.compare("chain-links", where, hash, document.previous_statement_hash);
    differences.compare("chain-node", where, statement.node_id, document.node_id);
    const before = windows.get(document.epoch_id);
    if (document.amendment) {
      const { supersedes } = document.amendment;
      differences.compare("chain-epochs", where, hashes.get(document.epoch_id) ?? null, supersedes);
      if (before) checkUnchanged(differences, where, before, document);
    } else if (before) differences.add("chain-epochs", where, null, document.epoch_id);
  };
  for (const [data, where] of linesOf(entries, "chain.jsonl")) {
    const document = readStatement(data, where);
    follow(document, where);
    hash = sha256(data);
    windows.set(document.epoch_id, document);
    hashes.set(document.epoch_id, hash);
  }
  follow(statement, "statement.json");
  if (statement.amendment) windows.delete(statement.epoch_id); // it has the window of what it supersedes
  const all = [...[...windows.values()].map((document) => [document, "chain.jsonl"]), [statement, "statement.json"]];
  const start = ([document]) => sortable(document.period_start);
  all.sort((a, b) => (start(a) < start(b) ? -1 : 1));
  for (const [index, [document, where]] of all.entries()) {
    const before = all[index - 1]?.[0];
    if (before && sortable(document.period_start) < sortable(before.period_end)) {
      differences.add("chain-windows", where, before.period_end, document.period_start);
    }
  }
  return { hash, windows };
}

/** An amendment changes allocations alone. */
function checkUnchanged(differences, where, before, document) {
  const fixed = ({ weight_config, pool_components, pool_total_credits, activity_set_hash, completeness = [] }) =>
    canonical([weight_config, pool_components, pool_total_credits, activity_set_hash, completeness]);
  differences.compare("chain-epochs", where, sha256(fixed(before)), sha256(fixed(document)));
  const windowOfIt = ({ period_start, period_end }) => `${period_start}/${period_end}`;
  differences.compare("chain-windows", where, windowOfIt(before), windowOfIt(document));
}

/** Check the events; return what they give together. */
function checkEvents(differences, entries, statement, earlier) {
  const activity = new Activity();
  let before = null;
  for (const [data, where] of linesOf(entries, "events.jsonl")) {
    const { payload, payload_hash: statedHash, curation } = readEvent(data, where);
    if (before !== null && byCodePoint(before, payload.id) >= 0) {
      differences.add("event-order", where, `an id after ${before}`, payload.id);
    }
    before = payload.id;
    const payloadHash = sha256(canonical(payload));
    differences.compare("payload-hashes", where, payloadHash, statedHash);
    const late = curation.late_from_epoch_id;
    const window = late === null ? statement : earlier.get(late);
    if (!window) {
      differences.add("event-windows", where, "an earlier epoch of the chain", late);
    } else if (!isWithin(payload.event_time, window)) {
      const expected = `a time in ${window.period_start}/${window.period_end}`;
      differences.add("event-windows", where, expected, payload.event_time);
    }
    const weight = weightOf(payload, curation.weight_override_milli, statement.weight_config);
    activity.add(payload, payloadHash, curation.user_id, curation.included, weight);
  }
  return activity;
}

/** Check the allocations; return each user's units. */
function checkAllocations(differences, entries, activity) {
  const units = new Map();
  let before = null;
  for (const [data, where] of linesOf(entries, "allocations.jsonl")) {
    const row = record(readCanonical(data, where), ALLOCATION, where);
    if (before !== null && byCodePoint(before, row.user_id) >= 0) {
      differences.add("allocations", where, `a user after ${before}`, row.user_id);
    }
    before = row.user_id;
    const due = activity.of(row.user_id);
    differences.compare("allocations", `${where}: proposed_units`, String(due.units), row.proposed_units);
    differences.compare("allocations", `${where}: activity_count`, due.events, row.activity_count);
    if (due.events === 0 && row.final_units === null) {
      differences.add("allocations", where, "final units, as the user has no event", null);
    }
    units.set(row.user_id, BigInt(row.final_units ?? row.proposed_units));
  }
  for (const user of activity.users.keys()) {
    if (!units.has(user)) differences.add("allocations", "allocations.jsonl", `a line of ${user}`, null);
  }
  return units;
}

/** Check the pool; return its components as a statement names them, and their sum. */
function checkPool(differences, entries, statement) {
  const read = ([data, where]) => statedComponent(record(readCanonical(data, where), COMPONENT, where));
  const components = Array.from(linesOf(entries, "pool.jsonl"), read);
  const ids = components.map((component) => component.component_id);
  if (!ids.includes("base_issuance")) differences.add("pool-base", "pool.jsonl", "base_issuance", null);
  const misplaced = ids.find((id, index) => index > 0 && byCodePoint(ids[index - 1], id) >= 0);
  if (misplaced !== undefined) {
    differences.add("pool-components", "pool.jsonl", "ids that ascend", misplaced);
  }
  checkLists(differences, "pool-components", components, statement.pool_components);
  const total = sumOf(components.map((component) => BigInt(component.amount_credits)));
  differences.compare("pool-total", "statement.json", String(total), statement.pool_total_credits);
  if (total > MAX_QUANTITY) differences.add("pool-total", "pool.jsonl", "at most 2^63-1", String(total));
  return { components, total };
}

/** Compare a list of the statement with what it should be. */
function checkLists(differences, check, computed, stated) {
  for (let index = 0; index < Math.max(stated.length, computed.length); index += 1) {
    const [expected, found] = [computed, stated].map((list) =>
      index < list.length ? canonical(list[index]) : "nothing",
    );
    differences.compare(check, `statement.json: number ${index + 1}`, expected, found);
  }
}

// --- The golden vectors -------------------------------------------------------------------------------

function computeVectors(inputs) {
  const events = inputs.events.map((event) => ({ source: "git", artifact_url: null, ...event }));
  const unitsOf = (users) => Object.entries(users).map(([user, units]) => [user, BigInt(units)]);
  return {
    canonical_json: inputs.canonical_json.map((value) => canonical(value)),
    windows: inputs.windows.map(windowOf),
    allocation_sets: inputs.allocation_sets.map((users) => allocationSetHash(unitsOf(users))),
    payouts: inputs.payouts.map(({ units, pool }) =>
      computePayouts(unitsOf(units), BigInt(pool)).map((line) => [
        line.user_id, line.total_units, line.share, line.amount_credits,
      ]),
    ),
    payload_hashes: events.map((payload) => sha256(canonical(payload))),
    statement: statementOf(inputs.statement, events),
    statement_2: statementOf({ ...inputs.statement, completeness: inputs.completeness }, events),
  };
}

/** The window of a time: length_days from 00:00 UTC of the anchor, or a multiple of that before or after. */
function windowOf({ at, anchor, length_days: days }) {
  const length = days * 86_400_000;
  const origin = Date.parse(`${anchor}T00:00:00Z`);
  const start = origin + Math.floor((Date.parse(at) - origin) / length) * length;
  return [start, start + length].map((time) => new Date(time).toISOString().replace(".000Z", "Z")).join("/");
}

function statementOf(inputs, events) {
  const activity = new Activity();
  for (const payload of [...events].sort((a, b) => byCodePoint(a.id, b.id))) {
    const override = inputs.overrides[payload.id] ?? null;
    const weight = weightOf(payload, override, inputs.weight_config);
    const user = inputs.users[payload.platform_user_id] ?? null;
    const included = !inputs.excluded.includes(payload.id);
    activity.add(payload, sha256(canonical(payload)), user, included, weight);
  }
  const units = [...activity.users].map(([user, { units }]) => [user, units]);
  const components = inputs.components
    .map((component) => statedComponent({ algorithm_version: "v0", ...component }))
    .sort((a, b) => byCodePoint(a.component_id, b.component_id));
  const total = sumOf(components.map((component) => BigInt(component.amount_credits)));
  const payouts = computePayouts(units, total);
  const document = documentOf(inputs, {
    activity_set_hash: activity.hash(),
    allocation_set_hash: allocationSetHash(units),
    pool_components: components,
    pool_total_credits: String(total),
    payouts,
    undistributed_credits: undistributedOf(total, payouts),
    previous_statement_hash: inputs.previous_statement_hash,
  });
  return { document, statement_hash: sha256(document), period_start: inputs.period_start };
}

function compareVectors(path) {
  const { inputs, outputs } = JSON.parse(readFileSync(path, "utf8"));
  const computed = computeVectors(inputs);
  for (const name of Object.keys({ ...outputs, ...computed })) {
    const [expected, found] = [outputs, computed].map((values) => canonical(values[name] ?? null));
    if (expected === found) continue;
    console.log(`DIFFERENT ${name}: expected ${expected}, found ${found}`);
    return 1;
  }
  console.log(`VERIFIED ${Object.keys(outputs).length} groups of vectors`);
  return 0;
}

// --- The command --------------------------------------------------------------------------------------

const STATUS = { verified: 0, different: 1, refused: 2 };

function reportOf(path, expectedHash) {
  try {
    demand(statSync(path).isFile(), "no regular file"); // reading a pipe would wait for ever
    const report = verify(readFileSync(path), expectedHash);
    return { file: path, verdict: report.first_difference ? "different" : "verified", ...report };
  } catch (error) {
    const isUnreadable = error.syscall || error.code === "ERR_FS_FILE_TOO_LARGE";
    if (!(error instanceof Refused) && !isUnreadable) throw error;
    return { file: path, verdict: "refused", reason: error.message };
  }
}

function printReport(report) {
  const { file, verdict, statement_hash: hash, first_difference: difference, reason } = report;
  const show = JSON.stringify;
  console.log(`${verdict.toUpperCase()} ${show(file)}: ${reason === undefined ? hash : show(reason)}`);
  if (difference) {
    const { check, where, expected, found } = difference;
    console.log(`  ${check}: ${show(where)}: expected ${show(expected)}, found ${show(found)}`);
  }
}

function main(args) {
  const usage = () => {
    console.error("usage: node verify.mjs FILE... [--expect HASH] [--json] | --vectors vectors.json");
    return 2;
  };
  const files = [];
  const options = { "--expect": null, "--vectors": null };
  let asJson = false;
  for (let index = 0; index < args.length; index += 1) {
    const argument = args[index];
    if (Object.hasOwn(options, argument)) {
      index += 1;
      if (index === args.length) return usage();
      options[argument] = args[index];
    } else if (argument === "--json") asJson = true;
    else if (argument.startsWith("-")) return usage();
    else files.push(argument);
  }
  const expected = options["--expect"]?.toLowerCase() ?? null;
  if (options["--vectors"] !== null) return files.length ? usage() : compareVectors(options["--vectors"]);
  if (files.length === 0 || (expected !== null && !isHash(expected))) return usage();
  let status = 0;
  for (const file of files) {
    const report = reportOf(file, expected);
    if (asJson) console.log(JSON.stringify(report));
    else printReport(report);
    status = Math.max(status, STATUS[report.verdict]);
  }
  return status;
}

process.exitCode = main(process.argv.slice(2));
