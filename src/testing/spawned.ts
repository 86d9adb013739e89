import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { childEnvironment } from './environment.js';

export interface Program {
  readonly path: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The folder that is its own, where its process id is noted: see workspace.ts. */
  readonly folder: string;
  /** Takes all that it prints. */
  readonly print: (text: string) => void;
  /** Called when it has ended and all that it printed has come, or when it could not be started. */
  readonly ended: () => void;
}

/** Starts a program that does not keep this process alive. */
export function startProgram({ path, args, env, folder, print, ended }: Program): ChildProcess {
  const child = spawn(path, args, { env: childEnvironment(env), stdio: ['ignore', 'pipe', 'pipe'] });
  child.unref();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => print(chunk.toString()));
    (stream as unknown as { unref(): void }).unref();
  }
  child.once('error', (error) => {
    print(String(error));
    ended();
  });
  child.once('close', ended);
  if (child.pid !== undefined) writeFileSync(join(folder, 'pid'), String(child.pid));
  return child;
}
