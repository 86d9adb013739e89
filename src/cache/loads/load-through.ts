import { ignore, untilAborted } from '../../core/abort.js';
import { checkFunction } from '../../core/check.js';
import type { Duration } from '../../core/duration.js';
import { TimeoutError } from '../../core/errors.js';
import { isLeased } from '../entries/entry-header.js';
import { LoadedValueError } from '../errors.js';
import type { Flight } from './flights.js';
import { isUpToDate } from './up-to-date.js';
import { Load, type LoadCall } from './load.js';
import { type Loader, type LoadOptions, planLoad } from '../options.js';
import { valueNear } from '../reads/delivery.js';
import { LoadRead } from '../reads/read.js';
import { check } from './schema.js';
import type { Scope } from '../scope.js';
import { within } from '../within.js';

/** The arguments of `getOrSet`. */
export interface Loading {
  readonly key: string;
  readonly load: Loader<unknown>;
  readonly options: Duration | LoadOptions<unknown> | undefined;
  /** Called when it waits for what somebody else loads. */
  readonly onWaiting?: () => void;
}

/** @throws ConfigError, at once */
export function loadThrough(scope: Scope, { key, load, options, onWaiting }: Loading): Promise<unknown> {
  checkFunction('load', load);
  const plan = planLoad(options, scope.plan);
  const isSimple = !plan.force && plan.schema === undefined && plan.signal === undefined;
  const copy = isSimple ? scope.near?.find(key) : undefined;
  if (copy !== undefined) {
    const { loadMs } = copy;
    const leftMs = scope.near?.near.leftMsOf(copy) ?? 0;
    if (!isDue(scope, { leftMs, loadMs }, plan.earlyRefresh)) return Promise.resolve(valueNear(scope, copy));
  }
  const read = new LoadRead(scope, { operation: 'getOrSet', id: key, tags: plan.tags }, scope.common.flights.order);
  const call = { read, load, plan, onWaiting };
  const { timeoutMs, signal } = plan;
  if (timeoutMs !== undefined || signal !== undefined) {
    const limits = { operation: 'cache.getOrSet', timeoutMs, signal };
    return within(scope.common.manager.clock, limits, (ended) => readOrLoad(scope, call, ended));
  }
  if (plan.force) return answer(scope, { call, value: undefined }, undefined);
  // most calls end here: no more is made for them than one promise beside that of the read
  return scope.common.reader
    .read(read)
    .then((value) =>
      read.found === 'fresh' && plan.schema === undefined
        ? served(scope, call, value)
        : answerFrom(scope, { call, value }, undefined),
    );
}

/** What a call has read. */
interface Answering {
  readonly call: LoadCall;
  readonly value: unknown;
}

/** A fresh value; one of those who get it may begin to load the next. */
function served(scope: Scope, call: LoadCall, value: unknown): unknown {
  if (isDueEarly(scope, call)) loadEarly(scope, call);
  return value;
}

/** What is kept near is looked up in Redis first: another process may have loaded it anew. */
function loadEarly(scope: Scope, call: LoadCall): void {
  if (!call.read.isNear) return void loadInBackground(scope, call);
  if (scope.common.flights.at(call.read.key) !== undefined) return;
  const looked = again(scope, call);
  scope.common.reader.read(looked.read).then(
    () => {
      if (looked.read.found === 'fresh' && looked.read.leftMs <= call.read.leftMs) loadInBackground(scope, looked);
    },
    (error: unknown) => scope.failures.tell('refresh', call.read.id, error),
  );
}

async function readOrLoad(scope: Scope, call: LoadCall, signal: AbortSignal | undefined): Promise<unknown> {
  if (call.plan.force) return answer(scope, { call, value: undefined }, signal);
  const value = await untilAborted(scope.common.reader.read(call.read), signal);
  return answerFrom(scope, { call, value }, signal);
}

/** A value that the schema rejects is none. */
async function answerFrom(scope: Scope, { call, value }: Answering, signal: AbortSignal | undefined): Promise<unknown> {
  const { schema } = call.plan;
  if (value === undefined || schema === undefined) return answer(scope, { call, value }, signal);
  const result = await check(schema, value);
  if (result.issues === undefined) return answer(scope, { call, value: result.value }, signal);
  call.read.found = 'unusable';
  scope.tally.hits -= 1;
  scope.tally.misses.schema += 1;
  return answer(scope, { call, value: undefined }, signal);
}

/**
 * The value that was read, or that of the load that brings it. A load that is in progress is joined only if the reading
 * shows that nothing has overtaken it, so that nobody gets what was loaded before an invalidation that he may know of.
 * Each caller decodes its own value from the entry's bytes; the loader's own object reaches nobody.
 */
async function answer(scope: Scope, { call, value }: Answering, signal: AbortSignal | undefined): Promise<unknown> {
  const { read } = call;
  if (read.found === 'fresh') return served(scope, call, value);
  if (read.found === 'stale') return serveStale(scope, { call, value }, signal);
  const { flight, isOurs } = await flightFor(scope, call);
  const entry = await arrival(scope, flight, signal);
  const isTooOld = flight.isOlderThan(read) || (!isOurs && flight.isOvertaken);
  return isTooOld ? readOrLoad(scope, again(scope, call), signal) : valueOf(scope, call, entry);
}

/**
 * The load in progress here, if it is good enough for somebody who has read the key and found nothing: it begins after
 * that, or nothing had overtaken it by the time of that reading. Else a new one.
 */
async function flightFor(scope: Scope, call: LoadCall): Promise<{ readonly flight: Flight; readonly isOurs: boolean }> {
  const { flights } = scope.common;
  const { read, plan } = call;
  for (let outdated: Flight | undefined; ;) {
    const current = plan.force ? undefined : flights.at(read.key);
    // one in the background may leave it to another process
    const isNone = current?.format !== scope.format || current.inBackground || current === outdated;
    if (isNone || !(current.beginsAfter(read) || current.isIntact(read))) {
      return { flight: start(scope, call, false), isOurs: true };
    }
    if (current.beginsAfter(read) || (await isUpToDate(scope, current, read))) {
      scope.tally.joined += 1;
      call.onWaiting?.();
      return { flight: current, isOurs: false };
    }
    outdated = current;
  }
}

/** The same call, to read anew. */
function again(scope: Scope, call: LoadCall): LoadCall {
  return { ...call, read: new LoadRead(scope.uncounted, call.read, scope.common.flights.order) };
}

/** The stale value, unless a new one comes soon enough. A loader that fails is told by an event. */
async function serveStale(scope: Scope, { call, value }: Answering, signal: AbortSignal | undefined): Promise<unknown> {
  const { softTimeoutMs } = call.plan;
  const flight = loadInBackground(scope, call);
  if (softTimeoutMs > 0 && flight !== undefined) {
    const limits = { operation: 'cache.getOrSet', timeoutMs: softTimeoutMs, signal };
    const { clock } = scope.common.manager;
    const entry = await within(clock, limits, (ended) => flight.join(ended)).catch(ignore);
    signal?.throwIfAborted();
    if (entry !== undefined && !flight.isOlderThan(call.read)) return valueOf(scope, call, entry);
  }
  scope.tally.stale += 1;
  scope.events.emit('stale', { key: call.read.id });
  return value;
}

/** Joins or starts a load for which nobody has to wait; undefined while another process loads, or failed a moment ago. */
function loadInBackground(scope: Scope, call: LoadCall): Flight | undefined {
  const { flights, manager } = scope.common;
  const { read, plan } = call;
  const current = flights.at(read.key);
  if (current?.format === scope.format && (current.beginsAfter(read) || current.isIntact(read))) {
    call.onWaiting?.();
    return current;
  }
  if (read.bytes !== undefined && isLeased(read.bytes, manager.serverTime.latestMs())) return undefined;
  const flight = start(scope, call, true);
  const limit =
    plan.timeoutMs === undefined
      ? undefined
      : manager.clock.backgroundTimer(plan.timeoutMs, () =>
          flight.abort(new TimeoutError('cache.getOrSet', plan.timeoutMs ?? 0)),
        );
  flight.join(undefined).then(
    () => limit?.cancel(),
    (error: unknown) => {
      limit?.cancel();
      scope.failures.tell('refresh', read.id, error);
    },
  );
  return flight;
}

function start(scope: Scope, call: LoadCall, inBackground: boolean): Flight {
  const plan = { key: call.read.key, format: scope.format, inBackground };
  return scope.common.flights.start(plan, (flight) => new Load(scope, call, flight).run());
}

/**
 * Whether this caller should load anew although the value is fresh.
 * Source: Vattani, Chierichetti, Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015 (XFetch).
 */
function isDueEarly(scope: Scope, { read, plan }: LoadCall): boolean {
  return isDue(scope, read, plan.earlyRefresh);
}

/** How long a value is still fresh, and how long its load took. */
type Age = Pick<LoadRead, 'leftMs' | 'loadMs'>;

function isDue(scope: Scope, { leftMs, loadMs }: Age, earlyRefresh: number): boolean {
  const eagernessMs = loadMs * earlyRefresh;
  // no random number is that small
  if (eagernessMs === 0 || leftMs > eagernessMs * 40) return false;
  return -Math.log(1 - scope.common.manager.random.uniform()) * eagernessMs >= leftMs;
}

/** Waits for a flight. A caller whose time is up while a value is being stored gets that value, unless all must be told. */
async function arrival(scope: Scope, flight: Flight, signal: AbortSignal | undefined): Promise<Buffer | undefined> {
  try {
    return await flight.join(signal);
  } catch (error) {
    const isTimeUp = error instanceof TimeoutError && error === signal?.reason;
    if (isTimeUp && flight.loaded !== undefined && scope.failures.mode === 'open') return flight.loaded;
    throw error;
  }
}

async function valueOf(scope: Scope, { read, plan }: LoadCall, entry: Buffer | undefined): Promise<unknown> {
  if (entry === undefined) return undefined;
  const value = scope.format.value(read.key, entry);
  // as it will be when it comes from near
  scope.near?.near.share(value);
  if (plan.schema === undefined || value === undefined) return value;
  const result = await check(plan.schema, value);
  if (result.issues === undefined) return result.value;
  throw new LoadedValueError(read.id, plan.schema, result.issues);
}
