import { checkFunction, checkText, wrong } from '../../core/check.js';
import type { Draft } from './draft.js';
import { checkEach } from './issues.js';
import type { CredentialsProvider } from './redis-options.js';
import type { Settings } from './settings.js';

/** A password or passphrase. It never appears in the error. @throws ConfigError */
export function checkSecret(path: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw wrong(path, 'a non-empty string', value);
}

/** A user name, which is of no use without its password. @throws ConfigError */
export function checkUser(path: string, { username, password }: { username?: unknown; password?: unknown }): void {
  if (username === undefined || password !== undefined) return;
  throw wrong(path, 'given together with `username`', undefined);
}

/** @throws ConfigError with all issues of the credentials at once */
export function checkCredentials(draft: Draft): Pick<Settings, 'username' | 'password' | 'credentials'> {
  const [username, password, provider] = (['username', 'password', 'credentials'] as const).map((f) => draft.get(f));
  return checkEach<Pick<Settings, 'username' | 'password' | 'credentials'>>(
    {
      username: () => (username === undefined ? undefined : checkText('username', username)),
      password: () => (password === undefined ? undefined : checkSecret('password', password)),
      credentials: () => {
        if (provider !== undefined) checkFunction('credentials', provider);
        return provider as CredentialsProvider | undefined;
      },
    },
    () => checkUser('password', { username, password: password ?? provider }),
    () => {
      if (provider === undefined || (username === undefined && password === undefined)) return;
      throw wrong('credentials', 'unset when `username` or `password` is given', 'both');
    },
  );
}
