import { ConfigError } from '../../../src/client/index.js';

/** The options that a configuration is refused for, as the error calls them. */
export function issuesOf(make: () => unknown): string[] {
  return refusal(make).issues.map(({ option }) => option);
}

/** The error that a configuration is refused with. */
export function refusal(make: () => unknown): ConfigError {
  try {
    make();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('expected a ConfigError');
}
