import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Waits for the end of its input, which comes when this process has ended, in whatever way. Then ends by process id
 * the servers that still run, and removes the folder.
 */
const KEEPER = `
read -r _
for file in "$1"/*/pid; do [ -e "$file" ] && kill -9 "$(cat "$file")"; done
rm -rf "$1"`;

let base: string | undefined;
/** Held, so that its input stays open as long as this process lives. */
let keeper: ChildProcess | undefined;

/**
 * A new folder for files of the kit, in one that this process has for itself. A folder that holds a file `pid` is one
 * of a server: should this process end without having stopped it, even by SIGKILL, that server is killed.
 */
export function newFolder(name: string): string {
  base ??= openBase();
  return mkdtempSync(join(base, `${name}-`));
}

function openBase(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ru-'));
  // A group of its own: a Ctrl-C must not end the keeper along with those whose end it waits for.
  keeper = spawn('/bin/sh', ['-c', KEEPER, 'sh', folder], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  // Without it servers still end by `stop()`.
  keeper.on('error', () => {});
  keeper.unref();
  (keeper.stdin as unknown as { unref(): void }).unref();
  return folder;
}
