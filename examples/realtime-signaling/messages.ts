import type { StandardSchemaV1 } from 'redis-utils';

/** What the people on one document tell each other. */
export type SignalingEvent =
  | { readonly type: 'cursor'; readonly position: number }
  | { readonly type: 'edit'; readonly text: string }
  | { readonly type: 'joined' }
  | { readonly type: 'left' };

/** An event on its way between processes: who sent it, and from which of their connections. */
export interface SignalingMessage {
  readonly connectionId: string;
  readonly user: string;
  readonly event: SignalingEvent;
}

type Check = (fields: Readonly<Record<string, unknown>>) => string | undefined;

const EVENTS: Readonly<Record<string, Check>> = {
  cursor: ({ position }) => (Number.isSafeInteger(position) && Number(position) >= 0 ? undefined : 'position'),
  edit: ({ text }) => (typeof text === 'string' && text.length <= 10_000 ? undefined : 'text'),
  joined: () => undefined,
  left: () => undefined,
};

/** The field of an event that is wrong, or undefined. */
export function wrongField(event: unknown): string | undefined {
  if (!isRecord(event) || typeof event['type'] !== 'string' || !Object.hasOwn(EVENTS, event['type'])) return 'type';
  return EVENTS[event['type']]?.(event);
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A Standard Schema written by hand; one of zod, valibot or arktype takes the same place. */
export const signalingMessage: StandardSchemaV1<unknown, SignalingMessage> = {
  '~standard': {
    version: 1,
    vendor: 'example',
    validate(value) {
      if (!isRecord(value)) return { issues: [{ message: 'expected an object' }] };
      for (const field of ['connectionId', 'user']) {
        if (typeof value[field] !== 'string') return { issues: [{ message: 'expected text', path: [field] }] };
      }
      const field = wrongField(value['event']);
      if (field !== undefined) return { issues: [{ message: 'not as it should be', path: ['event', field] }] };
      return { value: value as unknown as SignalingMessage };
    },
  },
};
