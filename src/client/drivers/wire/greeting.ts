import { ServerError } from '../../../core/errors.js';
import type { ReplyMap } from '../../driver.js';
import type { Credentials } from '../../config/redis-options.js';
import { request } from '../../request.js';
import type { Settings } from '../../config/settings.js';
import type { WireConnection } from './connection.js';

/** The provider of credentials failed, or gave something else; `cause` is its own error. */
export class ProviderError extends Error {}

/** Asks the provider of the settings, or gives the fixed credentials; undefined for none. @throws ProviderError */
export async function askCredentials(
  { credentials, endpoint, username, password }: Settings,
  reason: 'connect' | 'refresh' | 'rejected',
): Promise<Credentials | undefined> {
  if (credentials === undefined) return password === undefined ? undefined : { username, password };
  let given: Partial<Credentials> | undefined;
  try {
    given = await credentials({ endpoint, reason });
  } catch (cause) {
    throw new ProviderError('the provider of the credentials failed', { cause });
  }
  if (typeof given?.password === 'string' && given.password !== '') return given as Credentials;
  throw new ProviderError('the provider of the credentials gave no password');
}

/**
 * RESP3, credentials, name and database in one round trip, and a ping that shows that commands are answered. A provider
 * whose credentials are refused is asked once more.
 * @returns the credentials in use
 */
export async function greet(connection: WireConnection, settings: Settings): Promise<Credentials | undefined> {
  const first = await askCredentials(settings, 'connect');
  try {
    await introduce(connection, settings, first);
    return first;
  } catch (error) {
    if (settings.credentials === undefined || !isRefusal(error)) throw error;
    const second = await askCredentials(settings, 'rejected');
    await introduce(connection, settings, second);
    return second;
  }
}

async function introduce(
  connection: WireConnection,
  { clientName, db }: Settings,
  credentials: Credentials | undefined,
): Promise<void> {
  const hello = ['HELLO', '3'];
  if (credentials !== undefined) hello.push('AUTH', credentials.username ?? 'default', credentials.password);
  if (clientName !== undefined) hello.push('SETNAME', clientName);
  const steps = [hello, ...(db === 0 ? [] : [['SELECT', String(db)]]), ['PING']];
  const answers = await Promise.allSettled(steps.map((command) => request(connection, command)));
  // the first that fails says why; the others fail for the same reason
  for (const answer of answers) if (answer.status === 'rejected') throw answer.reason;
  const [greeting] = answers as readonly PromiseFulfilledResult<ReplyMap>[];
  const { id, role, version } = greeting?.value ?? {};
  if (typeof id !== 'number' || typeof role !== 'string' || typeof version !== 'string') return;
  connection.greetedBy({ id, role, version });
}

/** The server does not accept these credentials. */
function isRefusal(error: unknown): boolean {
  return error instanceof ServerError && /^(WRONGPASS|NOAUTH)$/.test(error.replyCode);
}
