import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Newest of what counts commands per client first. */
const PREFERRED = ['redis-8.0', 'valkey-8.1', 'valkey-sid', 'redis-sid', 'valkey-8.0', 'redis-7.0'];

/** A server of its own on a unix socket, without persistence; `stop` ends it and removes its folder. */
export async function startServer(wanted) {
  const { id, path, version } = findBinary(wanted);
  const folder = mkdtempSync(join(tmpdir(), 'ru-bench-'));
  const socketPath = join(folder, 's');
  const args = ['--port', '0', '--unixsocket', socketPath, '--save', '', '--appendonly', 'no', '--dir', folder];
  const child = spawn(path, args, { stdio: 'ignore' });
  let failure;
  child.once('error', (error) => (failure = error));
  child.once('exit', (code) => (failure = new Error(`${path} ended with code ${code}`)));
  for (let waited = 0; !existsSync(socketPath); waited += 10) {
    if (failure !== undefined || waited > 10_000) throw failure ?? new Error(`${path} did not start`);
    await sleep(10);
  }
  return {
    socketPath,
    name: `${id} ${version}`.trim(),
    stop() {
      child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function findBinary(wanted) {
  for (const folder of [process.env.REDIS_UTILS_SERVERS, join(ROOT, '.servers')]) {
    if (!folder || !existsSync(folder)) continue;
    const ids = PREFERRED.filter((id) => readdirSync(folder).includes(id));
    const id = wanted === undefined ? ids[0] : ids.find((one) => one === wanted);
    if (id === undefined) continue;
    const version = readFileSync(join(folder, id, 'VERSION'), 'utf8').trim();
    return { id, version, path: join(folder, id, 'bin', 'server') };
  }
  for (const name of ['valkey-server', 'redis-server']) {
    for (const folder of (process.env.PATH ?? '').split(delimiter)) {
      if (wanted === undefined && isExecutable(join(folder, name)))
        return { id: name, version: '', path: join(folder, name) };
    }
  }
  throw new Error(`No ${wanted ?? 'Redis or Valkey'} server to measure with: run \`npm run servers\` first`);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
