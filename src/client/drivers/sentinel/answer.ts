import { BadReplyError } from '../../../core/errors.js';
import type { Reply, ReplyMap, ReplySink, WireCommand } from '../../driver.js';
import { request } from '../../request.js';
import type { Address } from '../../config/settings.js';

/** A sentinel as the others call it. */
export interface Peer {
  readonly address: Address;
  /** Its own name for itself, which stays when its address changes. */
  readonly id: string | undefined;
}

/** What one sentinel says of the primary. */
export interface Word {
  /** Undefined: it watches no primary of that name. */
  readonly primary: Address | undefined;
  /** How often the primary had been replaced when it learnt of it; undefined where its ACL does not let us ask. */
  readonly epoch: number | undefined;
  readonly id: string | undefined;
  /** The other sentinels that it knows. */
  readonly peers: readonly Peer[];
}

/**
 * Asks one sentinel for everything at once: 1 round trip. What is not the address may be refused.
 * @throws ServerError, BadReplyError, or how the connection ended
 */
export async function askSentinel(
  connection: { send(command: WireCommand, sink: ReplySink): void },
  master: string,
): Promise<Word> {
  const optional = (command: WireCommand): Promise<Reply> => request(connection, command).catch(() => null);
  const [primary, facts, peers, id] = await Promise.all([
    request(connection, ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master]),
    optional(['SENTINEL', 'MASTER', master]),
    optional(['SENTINEL', 'SENTINELS', master]),
    optional(['SENTINEL', 'MYID']),
  ]);
  const epoch = Number(fieldsOf(facts)['config-epoch'] ?? NaN);
  return {
    primary: primary === null ? undefined : toAddress(primary),
    epoch: Number.isSafeInteger(epoch) ? epoch : undefined,
    id: typeof id === 'string' ? id : undefined,
    peers: Array.isArray(peers) ? peers.flatMap(toPeer) : [],
  };
}

function toAddress(reply: Reply): Address {
  const [host, port] = Array.isArray(reply) ? (reply as readonly Reply[]) : [];
  const address = addressOf(host, port);
  if (address === undefined) throw new BadReplyError('SENTINEL', 'a host and a port', reply);
  return address;
}

function toPeer(reply: Reply): Peer[] {
  const { ip, port, runid } = fieldsOf(reply);
  const address = addressOf(ip, port);
  return address === undefined ? [] : [{ address, id: typeof runid === 'string' && runid !== '' ? runid : undefined }];
}

function addressOf(host: unknown, port: unknown): Address | undefined {
  const number = Number(port);
  const isAddress = typeof host === 'string' && host !== '' && Number.isInteger(number) && number > 0;
  return isAddress ? { host, port: number } : undefined;
}

function fieldsOf(reply: Reply | undefined): ReplyMap {
  const isMap = typeof reply === 'object' && reply !== null && Object.getPrototypeOf(reply) === null;
  return isMap ? (reply as ReplyMap) : {};
}
