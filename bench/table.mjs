/** Results for people: one table per case, and how redis-utils compares with the best package. */

export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** @param rows `{ name, role, results: [{ concurrency, perSecond, cpuMicros, commands }] }`, redis-utils first */
export function caseTable(kind, rows) {
  const concurrencies = rows[0].results.map(({ concurrency }) => concurrency);
  const lines = [`\n${kind.title}`, header(concurrencies)];
  for (const row of rows) {
    const cells = row.results.map((result, n) => cell(result, rows[0].results[n]));
    lines.push(`  ${row.name.padEnd(24)}${cells.join('')}`);
  }
  for (const ours of rows.filter(({ role }) => role === 'ours')) lines.push(...verdicts(ours, rows));
  return lines.join('\n');
}

function header(concurrencies) {
  const columns = concurrencies.map(
    (c) => ` ${`at ${c}: ops/s`.padStart(15)} ${'ratio'.padStart(6)} ${'cpu µs'.padStart(7)} ${'cmds'.padStart(5)} `,
  );
  return `  ${''.padEnd(24)}${columns.join('')}`;
}

function cell({ perSecond, cpuMicros, commands }, ours) {
  const ratio = (perSecond / ours.perSecond).toFixed(2);
  const speed = Math.round(perSecond).toLocaleString('en');
  return ` ${speed.padStart(15)} ${ratio.padStart(6)} ${cpuMicros.toFixed(1).padStart(7)} ${commands.toFixed(2).padStart(5)} `;
}

function verdicts(ours, rows) {
  const lines = [];
  for (const [role, label] of [
    ['package', 'the best package'],
    ['reference', 'the best bare client'],
  ]) {
    const others = rows.filter((row) => row.role === role);
    if (others.length === 0) continue;
    const ratios = ours.results.map((result, n) => {
      const best = others.reduce((a, b) => (a.results[n].perSecond >= b.results[n].perSecond ? a : b));
      return `${(result.perSecond / best.results[n].perSecond).toFixed(2)}× at ${result.concurrency} (${best.name})`;
    });
    lines.push(`  → ${ours.name} against ${label}: ${ratios.join(', ')}`);
  }
  return lines;
}
