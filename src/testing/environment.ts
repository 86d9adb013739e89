/** What the test kit takes from the environment of this process. */

/** The environment for a child process: this process's own, and more. */
export function childEnvironment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { ...process.env, ...more };
}

/** The folder with servers that the developer names, or undefined. */
export function serversFolder(): string | undefined {
  const folder = process.env['REDIS_UTILS_SERVERS'];
  return folder === '' ? undefined : folder;
}

/** The folders in which programs are looked for. */
export function searchPath(): string {
  return process.env['PATH'] ?? '';
}
