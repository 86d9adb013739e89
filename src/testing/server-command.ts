import { checkKnown } from '../core/check.js';
import { type Duration, toMs } from '../core/duration.js';
import { TimeoutError } from '../core/errors.js';
import { asText, type RawArg, type RespValue } from './resp.js';
import { RespConnection } from './resp-connection.js';

export interface Credentials {
  /** Default: `default`. */
  readonly username?: string | undefined;
  readonly password: string;
}

export interface ServerCommandOptions {
  /** Bulk strings as `string` (the default) or as `Buffer`. */
  readonly reply?: 'text' | 'bytes' | undefined;
  /** Who sends it. Default: the kit's own user with all rights where there is an ACL, else nobody in particular. */
  readonly as?: Credentials | undefined;
  /** How long the reply may take. Default: 10 seconds. */
  readonly timeout?: Duration | undefined;
}

/** Sends one command on a connection of its own, with the rights of `options.as`. */
export async function sendCommand(
  socketPath: string,
  args: readonly RawArg[],
  options: ServerCommandOptions,
): Promise<RespValue> {
  checkKnown('command', options, ['reply', 'as', 'timeout']);
  const timeoutMs = toMs(options.timeout ?? '10s', 'command.timeout');
  const connection = await RespConnection.connect({ path: socketPath });
  const giveUp = (): void => connection.close(new TimeoutError(String(args[0]), timeoutMs));
  const timer = setTimeout(giveUp, timeoutMs);
  try {
    const { as: user } = options;
    if (user !== undefined) await connection.send(['AUTH', user.username ?? 'default', user.password]);
    const reply = await connection.send(args);
    return options.reply === 'bytes' ? reply : asText(reply);
  } finally {
    clearTimeout(timer);
    connection.close();
  }
}
