import { ConfigError, type ConfigIssue } from '../../core/errors.js';

/** Runs a check; what it complains about goes to `report` instead of being thrown. */
export function attempt<T>(check: () => T, report: (issues: readonly ConfigIssue[]) => void): T | undefined {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    report(error.issues);
    return undefined;
  }
}

/**
 * Makes each field by its check, then runs the further checks, and only then throws what all of them complained about.
 * @throws ConfigError
 */
export function checkEach<T extends object>(
  fields: { readonly [K in keyof T]: () => T[K] },
  ...further: readonly (() => void)[]
): Readonly<T> {
  const issues: ConfigIssue[] = [];
  const report = (found: readonly ConfigIssue[]): void => void issues.push(...found);
  const made: Partial<T> = {};
  for (const name of Object.keys(fields) as (keyof T)[]) made[name] = attempt(fields[name], report) as T[keyof T];
  for (const check of further) attempt(check, report);
  if (issues.length > 0) throw new ConfigError(issues);
  return Object.freeze(made as T);
}

/** The parts of an options object, or none when it is not one: `checkKnown` says so, beside this. */
export function partsOf<T extends object>(value: unknown): Partial<T> {
  return typeof value === 'object' && value !== null ? value : {};
}
