import type { Clock } from '../../../core/clock.js';
import { ConnectionError, TimeoutError } from '../../../core/errors.js';
import type { Connection, Reply, ReplySink, WireCommand } from '../../driver.js';
import { request } from '../../request.js';
import type { Address } from '../../settings.js';
import { nameOfAddress, readTopology, type SlotRange } from './topology.js';

export interface DiscoveryPorts {
  readonly clock: Clock;
  readonly endpoint: string;
  readonly timeoutMs: number;
  readonly open: (address: Address, signal: AbortSignal | undefined) => Promise<Connection>;
}

const CLUSTER_SLOTS = ['CLUSTER', 'SLOTS'] as const;

/** Asks a node that is connected. @throws ServerError, ConnectionError, TimeoutError, BadReplyError */
export async function askNode(
  node: { send(command: WireCommand, sink: ReplySink): void },
  address: Address,
  { clock, timeoutMs }: Pick<DiscoveryPorts, 'clock' | 'timeoutMs'>,
): Promise<readonly SlotRange[]> {
  let cancel = (): void => {};
  const tooLate = new Promise<never>((_, reject) => {
    const timer = clock.timer(timeoutMs, () => reject(new TimeoutError('CLUSTER SLOTS', timeoutMs)));
    cancel = () => timer.cancel();
  });
  try {
    const reply: Reply = await Promise.race([request(node, CLUSTER_SLOTS), tooLate]);
    return readTopology(reply, address.host);
  } finally {
    cancel();
  }
}

/** Asks one address after another, each on a connection made for it. @throws the reason of the last one that failed */
export async function askAny(
  addresses: readonly Address[],
  ports: DiscoveryPorts,
  signal: AbortSignal | undefined,
): Promise<readonly SlotRange[]> {
  let failure: unknown;
  for (const address of addresses) {
    signal?.throwIfAborted();
    let connection: Connection | undefined;
    try {
      connection = await ports.open(address, signal);
      const ranges = await askNode(connection, address, ports);
      if (ranges.length > 0) return ranges;
      failure = new Error(`${nameOfAddress(address)} knows no node that serves a slot`);
    } catch (error) {
      failure = error;
    } finally {
      connection?.destroy();
    }
  }
  signal?.throwIfAborted();
  if (failure instanceof ConnectionError && failure.reason !== 'lost') throw failure;
  const { endpoint } = ports;
  const facts = { endpoint, reason: 'unreachable', outcome: 'not-sent', cause: failure } as const;
  throw new ConnectionError(`No node of ${endpoint} told what the cluster looks like`, facts);
}
