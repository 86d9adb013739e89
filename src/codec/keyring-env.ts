/** The one place of the codec that reads the environment. */

/** The default of `Keyring.fromEnv`: what this process was started with. */
export function processEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}
