import fc from 'fast-check';
import { expect, it } from 'vitest';

import { RedisManager } from '../../../src/client/index.js';
import { EmbeddedRedis, VirtualClock } from '../../../src/embedded/index.js';
import { SessionManager, type SessionView } from '../../../src/session/index.js';

/** What a session is meant to be, in numbers. */
interface Model {
  readonly id: string;
  data: Record<string, number>;
  readonly createdMs: number;
  readonly deadlineMs: number;
  readonly idleMs: number;
  expiresMs: number;
  seenMs: number;
  revision: number;
  destroyed: boolean;
}

const ABSOLUTE_MS = 50_000;
const span = fc.integer({ min: 1, max: 60_000 });
const step = fc.oneof(
  fc.record({ do: fc.constant('create' as const), ttl: fc.oneof(span, fc.record({ idle: span, absolute: span })) }),
  fc.record({ do: fc.constantFrom('get' as const, 'view' as const, 'destroy' as const), at: fc.nat() }),
  fc.record({ do: fc.constant('extend' as const), at: fc.nat(), by: span }),
  fc.record({ do: fc.constant('update' as const), at: fc.nat(), value: fc.integer(), stale: fc.boolean() }),
  fc.record({ do: fc.constant('advance' as const), by: fc.oneof(span, fc.integer({ min: 1, max: 500 })) }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

class World {
  readonly #clock: VirtualClock;
  readonly #sessions: SessionManager<Record<string, number>>;
  readonly #models: Model[] = [];

  constructor(redis: RedisManager, clock: VirtualClock) {
    this.#clock = clock;
    this.#sessions = new SessionManager(redis, { absolute: ABSOLUTE_MS });
  }

  async take(next: Step): Promise<void> {
    if (next.do === 'advance') return this.#advance(next.by);
    if (next.do === 'create') return this.#create(next.ttl);
    const model = this.#models[next.at % this.#models.length];
    if (model === undefined) return;
    const lives = this.#lives(model);
    if (next.do === 'get') {
      expect(await this.#sessions.getSession(model.id)).toEqual(lives ? model.data : undefined);
      if (lives) this.#use(model, touchEvery(model));
    } else if (next.do === 'view') {
      const view = await this.#sessions.readSession(model.id);
      if (lives) this.#use(model, touchEvery(model));
      expectView(view, lives ? model : undefined);
    } else if (next.do === 'extend') {
      expect(await this.#sessions.extendSession(model.id, next.by)).toBe(lives);
      if (lives) model.expiresMs = Math.min((model.seenMs = this.#clock.wallMs()) + next.by, model.deadlineMs);
    } else if (next.do === 'update') {
      await this.#update(model, lives, next);
    } else {
      expect(await this.#sessions.destroySession(model.id)).toBe(lives);
      model.destroyed = true;
    }
  }

  /** Never to the end of a session: in that millisecond it is over, and Redis still keeps its key. */
  async #advance(ms: number): Promise<void> {
    await this.#clock.advance(ms);
    const isEnd = (): boolean => this.#models.some(({ expiresMs }) => expiresMs === this.#clock.wallMs());
    while (isEnd()) await this.#clock.advance(1);
  }

  async #create(ttl: number | { idle: number; absolute: number }): Promise<void> {
    const now = this.#clock.wallMs();
    const deadlineMs = now + (typeof ttl === 'number' ? ABSOLUTE_MS : ttl.absolute);
    const id = await this.#sessions.createSession({ made: now }, ttl);
    const idleMs = typeof ttl === 'number' ? 0 : ttl.idle;
    const expiresMs = Math.min(now + (typeof ttl === 'number' ? ttl : ttl.idle), deadlineMs);
    const times = { createdMs: now, deadlineMs, idleMs, expiresMs, seenMs: now };
    this.#models.push({ id, data: { made: now }, ...times, revision: 1, destroyed: false });
  }

  async #update(model: Model, lives: boolean, { value, stale }: { value: number; stale: boolean }): Promise<void> {
    const ifRevision = stale ? model.revision + 1 : model.revision;
    const updated = this.#sessions.updateSession(model.id, { value }, { ifRevision });
    if (lives && stale) {
      await expect(updated).rejects.toMatchObject({ code: 'RU_SESSION_CONFLICT' });
      return;
    }
    if (lives) {
      this.#use(model, 0);
      model.data = { ...model.data, value };
      model.revision += 1;
    }
    expectView(await updated, lives ? model : undefined);
  }

  #lives(model: Model): boolean {
    return !model.destroyed && this.#clock.wallMs() < model.expiresMs;
  }

  #use(model: Model, everyMs: number): void {
    const now = this.#clock.wallMs();
    if (now - model.seenMs < everyMs) return;
    model.seenMs = now;
    model.expiresMs = Math.max(model.expiresMs, Math.min(now + model.idleMs, model.deadlineMs));
  }
}

function touchEvery({ idleMs }: Model): number {
  return idleMs === 0 ? 60_000 : Math.min(60_000, Math.max(1, Math.floor(idleMs / 10)));
}

function expectView(view: SessionView<Record<string, number>> | undefined, model: Model | undefined): void {
  expect(view === undefined).toBe(model === undefined);
  if (view === undefined || model === undefined) return;
  expect({
    data: view.data,
    revision: view.revision,
    createdMs: view.createdAt.getTime(),
    seenMs: view.lastSeen.getTime(),
    expiresMs: view.expiresAt.getTime(),
    deadlineMs: view.absoluteExpiresAt.getTime(),
  }).toEqual({
    data: model.data,
    revision: model.revision,
    createdMs: model.createdMs,
    seenMs: model.seenMs,
    expiresMs: model.expiresMs,
    deadlineMs: model.deadlineMs,
  });
}

it('a session does what a model of seven numbers says, whatever is done to it and whenever', async () => {
  const clock = new VirtualClock();
  EmbeddedRedis.named('session-model', { clock });
  const redis = await RedisManager.connect('memory://session-model', { clock });
  const seed = Number(process.env['FC_SEED'] ?? Math.trunc(performance.timeOrigin + performance.now()) % 2 ** 31);
  const followsModel = fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
    const world = new World(redis, clock);
    for (const next of steps) await world.take(next);
  });
  await fc.assert(followsModel, { seed, numRuns: 100 });
  const closed = redis.close();
  await clock.advance('1m');
  await closed;
}, 30_000);
