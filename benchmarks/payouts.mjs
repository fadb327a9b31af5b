// Payouts and the allocation hash as a service in TypeScript computes them: BigInt throughout, an object a line, and
// everything sorted by `localeCompare` (or, for comparison, by code unit). Written for the benchmark; prints CPU seconds.
//
//     node benchmarks/payouts.mjs USERS shuffled|ordered locale|code

import { createHash } from "node:crypto";

const [users, order, collation] = [Number(process.argv[2]), process.argv[3], process.argv[4]];
const compare =
  collation === "locale" ? (a, b) => a.localeCompare(b) : (a, b) => (a < b ? -1 : a > b ? 1 : 0);

function computePayouts(allocations, pool) {
  const total = allocations.reduce((sum, each) => sum + each.units, 0n);
  if (pool === 0n || total === 0n) return [];
  const parts = allocations.map(({ userId, units }) => {
    const product = units * pool;
    return { userId, units, amount: product / total, remainder: product % total };
  });
  let spare = pool - parts.reduce((sum, part) => sum + part.amount, 0n);
  parts.sort((a, b) =>
    a.remainder === b.remainder ? compare(a.userId, b.userId) : a.remainder > b.remainder ? -1 : 1,
  );
  for (const part of parts) {
    if (spare === 0n) break;
    part.amount += 1n;
    spare -= 1n;
  }
  parts.sort((a, b) => compare(a.userId, b.userId));
  return parts.map((part) => {
    const millionths = (part.units * 1_000_000n) / total;
    const digits = (millionths % 1_000_000n).toString().padStart(6, "0");
    return {
      userId: part.userId,
      totalUnits: part.units.toString(),
      share: `${millionths / 1_000_000n}.${digits}`,
      amountCredits: part.amount.toString(),
    };
  });
}

function computeAllocationSetHash(allocations) {
  const sorted = [...allocations].sort((a, b) => compare(a.userId, b.userId));
  return createHash("sha256")
    .update(sorted.map(({ userId, units }) => `${userId}:${units}`).join("\n"))
    .digest("hex");
}

// The same people as benchmarks/people.py makes, in the same order.
function people() {
  const numbers = Array.from({ length: users }, (_, number) => number);
  if (order !== "ordered") {
    let state = 1;
    for (let last = users - 1; last > 0; last -= 1) {
      state = (state * 16_807) % 2_147_483_647;
      const other = state % (last + 1);
      [numbers[last], numbers[other]] = [numbers[other], numbers[last]];
    }
  }
  return numbers.map((number) => ({
    userId: `user-${String(number).padStart(8, "0")}`,
    units: BigInt((number * 48_271 + 11) % 1_000_003),
  }));
}

function timed(work) {
  const before = process.cpuUsage();
  const result = work();
  const used = process.cpuUsage(before);
  return [result, (used.user + used.system) / 1e6];
}

const allocations = people();
const [lines, payoutSeconds] = timed(() => computePayouts(allocations, 1_000_000_007n));
const [hash, hashSeconds] = timed(() => computeAllocationSetHash(allocations));
const amounts = createHash("sha256").update(lines.map((line) => line.amountCredits).join("\n"));
console.log(
  JSON.stringify({ payoutSeconds, hashSeconds, hash, amounts: amounts.digest("hex"), node: process.version }),
);
