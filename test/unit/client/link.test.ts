import { describe, expect, it } from 'vitest';
import { RedisConfig } from '../../../src/client/index.js';
import type { Connection, ReplySink, WireCommand } from '../../../src/client/driver.js';
import type { LinkSink } from '../../../src/client/drivers/link/command-queue.js';
import { Link } from '../../../src/client/drivers/link/link.js';
import { systemRandom } from '../../../src/core/random.js';
import { ManualClock } from '../../support/manual-clock.js';

/** A connection whose peer answers when the test says so. */
class Peer implements Connection {
  readonly sent: { readonly command: WireCommand; readonly sink: ReplySink }[] = [];
  alive = true;
  writable = true;
  onMessage = (): void => {};
  onWritable = (): void => {};
  onEnd: (cause: Error) => void = () => {};
  send(command: WireCommand, sink: ReplySink): void {
    sink.sent = true;
    this.sent.push({ command, sink });
  }
  subscribe = (): Promise<void> => Promise.resolve();
  unsubscribe = (): Promise<void> => Promise.resolve();
  destroy(): void {
    if (!this.alive) return;
    this.alive = false;
    for (const { sink } of this.sent.splice(0)) sink.reject(new Error('destroyed'));
    this.onEnd(new Error('destroyed'));
  }
  /** Answers the next command. */
  answer(): void {
    this.sent.shift()?.sink.resolve('OK');
  }
  get names(): readonly string[] {
    return this.sent.map(({ command }) => String(command[0]));
  }
}

class Sink implements LinkSink {
  readonly operation = 'TEST';
  readonly mode = 'text';
  readonly blocks = false;
  sent = false;
  abandoned = false;
  outcome: unknown;
  readonly preface: WireCommand | undefined;
  constructor(preface?: WireCommand) {
    this.preface = preface;
  }
  resolve(reply: unknown): void {
    this.outcome = reply;
  }
  reject(error: Error): void {
    this.outcome = error;
  }
}

async function connected(): Promise<{ link: Link; peer: Peer; clock: ManualClock }> {
  const [peer, clock] = [new Peer(), new ManualClock()];
  const link = new Link({
    clock,
    random: systemRandom,
    settings: RedisConfig.fromUrl('redis://localhost').settings(),
    endpoint: () => 'redis://localhost',
    open: () => Promise.resolve(peer),
    onEvent: () => {},
  });
  await link.connect(undefined);
  return { link, peer, clock };
}

describe('a link', () => {
  it('that retires hands back what waits, and ends its connection when what was sent is answered', async () => {
    const { link, peer, clock } = await connected();
    const [sent, waiting] = [new Sink(), new Sink()];
    link.send(['GET', 'a'], sent);
    peer.writable = false;
    link.send(['GET', 'b'], waiting);
    expect(link.retire().map(({ command }) => command)).toEqual([['GET', 'b']]);
    expect(peer.names).toEqual(['GET', 'PING']);
    expect(link.retiring).toBe(1);
    peer.answer();
    expect(sent.outcome).toBe('OK');
    expect(waiting.outcome).toBeUndefined();
    peer.answer();
    await new Promise(setImmediate);
    expect(peer.alive).toBe(false);
    expect(link.retiring).toBe(0);
    expect(clock.armed).toBe(0);
  });

  it('that is destroyed cuts what retires', async () => {
    const { link, peer } = await connected();
    const sent = new Sink();
    link.send(['GET', 'a'], sent);
    link.retire();
    expect(peer.alive).toBe(true);
    link.destroy();
    expect(peer.alive).toBe(false);
    expect(sent.outcome).toBeInstanceOf(Error);
    expect(link.retiring).toBe(0);
  });

  it('sends what belongs before a command directly before it, or not at all', async () => {
    const { link, peer } = await connected();
    link.send(['GET', 'a'], new Sink(['ASKING']));
    expect(peer.names).toEqual(['ASKING', 'GET']);
    peer.writable = false;
    const given = new Sink(['ASKING']);
    link.send(['SET', 'b', '1'], given);
    link.send(['INCR', 'c'], new Sink());
    link.send(['DEL', 'd'], new Sink(['ASKING']));
    given.abandoned = true;
    peer.writable = true;
    peer.onWritable();
    expect(peer.names).toEqual(['ASKING', 'GET', 'INCR', 'ASKING', 'DEL']);
  });
});
