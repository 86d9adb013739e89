import { checkText, wrong } from '../core/check.js';
import type { StandardSchemaV1 } from '../core/standard-schema.js';

/** A channel with the type of its messages. Made by a `ChannelFactory`. */
export interface Channel<T> {
  readonly name: string;
  readonly schema: StandardSchemaV1<unknown, T>;
}

export interface ChannelDefinition<T> {
  /** Every message goes through it, before it is sent and after it has arrived. It must accept its own output. */
  readonly schema: StandardSchemaV1<unknown, T>;
}

type NamesIn<S extends string> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | NamesIn<Rest> : never;

/** The parameters of a template: `'doc:{documentId}'` has `{ documentId }`. */
export type ChannelParams<S extends string> = string extends S
  ? Readonly<Record<string, string | number>>
  : { readonly [Name in NamesIn<S>]: string | number };

/** Gives the channel for one set of parameters. A template without parameters takes none. */
export type ChannelFactory<T, S extends string = string> = string extends S
  ? (params?: ChannelParams<S>) => Channel<T>
  : [NamesIn<S>] extends [never]
    ? () => Channel<T>
    : (params: ChannelParams<S>) => Channel<T>;

const PARAMETER = /\{([A-Za-z_]\w*)\}/g;

/**
 * Declares a family of channels with typed, checked messages:
 *
 *     const documents = channel('doc:{documentId}', { schema: signalingMessage });
 *     await pubsub.publish(documents({ documentId }), { type: 'join', user });
 *
 * Two different sets of parameters never give the same name: in a parameter's value, `%`, `:`, `{`, `}`, glob
 * characters and every punctuation mark of the template are percent-encoded. Identifiers such as UUIDs stay as they are
 * in templates that use `:`.
 *
 * @param template literal text with `{name}` for each parameter; between two parameters there must be punctuation
 * @throws ConfigError for a template or schema that cannot be used; the factory throws it for a missing, empty,
 *   non-finite or unknown parameter
 */
export function channel<T, const S extends string = string>(
  template: S,
  definition: ChannelDefinition<T>,
): ChannelFactory<T, S> {
  const { literals, names } = parse(template);
  const { schema } = definition;
  if (typeof schema?.['~standard']?.validate !== 'function') {
    throw wrong('channel.schema', 'a schema that implements Standard Schema, such as one of zod or valibot', schema);
  }
  const special = specialCharacters(literals);
  const make = (params: Readonly<Record<string, unknown>> = {}): Channel<T> => {
    for (const name of Object.keys(params)) {
      if (!names.includes(name)) throw wrong(`channel.${name}`, `one of the parameters of '${template}'`, params[name]);
    }
    let name = literals[0] ?? '';
    names.forEach((parameter, index) => {
      name += text(parameter, params[parameter]).replace(special, percent) + (literals[index + 1] ?? '');
    });
    return { name, schema };
  };
  return make;
}

interface Template {
  /** One more than there are names: the text before, between and after them. */
  readonly literals: readonly string[];
  readonly names: readonly string[];
}

function parse(template: string): Template {
  checkText('channel.template', template);
  const names = [...template.matchAll(PARAMETER)].map((match) => match[1] as string);
  const literals = template.split(/\{[A-Za-z_]\w*\}/);
  if (literals.some((literal) => /[{}]/.test(literal))) {
    throw wrong('channel.template', 'text in which braces only enclose the names of parameters', template);
  }
  if (new Set(names).size < names.length) throw wrong('channel.template', 'one use of each parameter', template);
  if (literals.slice(1, -1).some((literal) => !/[^A-Za-z0-9]/.test(literal))) {
    throw wrong('channel.template', 'a template with punctuation between two parameters', template);
  }
  return { literals, names };
}

function specialCharacters(literals: readonly string[]): RegExp {
  const marks = new Set('%:{}*?[]\\');
  for (const mark of literals.join('').replace(/[A-Za-z0-9]/g, '')) marks.add(mark);
  const escaped = [...marks].map((mark) => `\\u{${(mark.codePointAt(0) ?? 0).toString(16)}}`);
  return new RegExp(`[${escaped.join('')}]`, 'gu');
}

function percent(mark: string): string {
  let encoded = '';
  for (const byte of Buffer.from(mark)) encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return encoded;
}

function text(name: string, value: unknown): string {
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  return checkText(`channel.${name}`, value);
}
