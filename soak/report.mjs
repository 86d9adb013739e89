/** What the soak has found, and whether that is as it must be. */

/** What must not have happened, in words; empty when all is well. */
export function judge({ unsettled, overdue, violations, rejections, immortal, heapMb, closings, outcomes }) {
  const failures = [];
  if (unsettled > 0) failures.push(`${unsettled} promises had not settled at the end`);
  if (overdue.length > 0) failures.push(`${overdue.length} promises settled late, first ${JSON.stringify(overdue[0])}`);
  failures.push(...violations);
  if (rejections.length > 0) failures.push(`${rejections.length} unhandled rejections, first: ${rejections[0]}`);
  if (immortal.length > 0) failures.push(`${immortal.length} keys without expiry, such as ${immortal[0]}`);
  const [first = 0] = heapMb;
  const last = heapMb.at(-1) ?? 0;
  if (last > first * 1.2 + 10) failures.push(`the heap grew from ${first} to ${last} MB`);
  for (const { tookMs } of closings) if (tookMs > 2_100) failures.push(`closing took ${tookMs} ms`);
  for (const [name, { ok }] of Object.entries(outcomes)) if (ok === 0) failures.push(`${name} never succeeded`);
  return failures;
}

export function print(report, failures) {
  const lines = [`\nsoak: seed ${report.seed}, ${report.minutes} min, ${report.settled} operations settled`];
  lines.push(
    `faults: ${Object.entries(report.faults)
      .map(([name, times]) => `${name} ×${times}`)
      .join(', ')}`,
  );
  lines.push(`heap after a collection, MB: ${report.heapMb.join(' ')}`);
  for (const [name, { ok, failed }] of Object.entries(report.outcomes)) {
    const kinds = Object.entries(failed)
      .map(([kind, times]) => `${kind} ×${times}`)
      .join(', ');
    lines.push(`  ${name.padEnd(24)} ${String(ok).padStart(8)} ok  ${kinds}`);
  }
  lines.push(failures.length === 0 ? 'all is as it must be' : `NOT as it must be:\n  ${failures.join('\n  ')}`);
  process.stdout.write(`${lines.join('\n')}\n`);
}
