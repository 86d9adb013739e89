/** The results as text. */

const signs = { pass: '✓', fail: '✗', none: '–' };

export function signOf(result) {
  if (result === 'pass') return signs.pass;
  return result?.fail === undefined ? signs.none : signs.fail;
}

/** Peers beside each other, traps below each other, as markdown. */
export function resultTable(traps, columns) {
  const head = ['', 'trap', ...columns.map(({ peer }) => peer)];
  const rows = traps.map(({ id, title }) => [id, title, ...columns.map(({ results }) => signOf(results[id]))]);
  const sums = columns.map(({ results, why }) => {
    if (why !== undefined) return why;
    const ended = traps.map(({ id }) => signOf(results[id])).filter((sign) => sign !== signs.none);
    return `${ended.filter((sign) => sign === signs.pass).length}/${ended.length}`;
  });
  const all = [head, ...rows, ['', 'passed', ...sums]];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column].length), 3));
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(all[0]), rule, ...all.slice(1).map(line)].join('\n');
}

/** What was seen where a trap caught somebody. */
export function failures(traps, columns) {
  return traps.flatMap(({ id }) =>
    columns.flatMap(({ peer, results }) =>
      results[id]?.fail === undefined ? [] : [`${id} ${peer}: ${results[id].fail}`],
    ),
  );
}
