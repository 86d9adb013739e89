/**
 * Replies inside the engine: the type information of RESP3, from which both a client's reply and a script's (which
 * sees RESP2) are made. Plain strings are bulk strings, one byte per UTF-16 unit.
 */
export type EngineReply =
  | null
  | number
  | string
  | Status
  | Double
  | MapReply
  | PairsReply
  | ErrorReply
  | readonly EngineReply[];

/** A simple string such as `OK`. */
export class Status {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A floating-point number: a number for clients, text for scripts. */
export class Double {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** A map: an object for clients, a flat list for scripts. */
export class MapReply {
  readonly flat: readonly EngineReply[];

  constructor(flat: readonly EngineReply[]) {
    this.flat = flat;
  }
}

/** Members with scores: a list of pairs for clients, a flat list for scripts. */
export class PairsReply {
  readonly flat: readonly EngineReply[];

  constructor(flat: readonly EngineReply[]) {
    this.flat = flat;
  }
}

/** An error reply, thrown by commands; its first word is its code. */
export class ErrorReply extends Error {}

export const OK = new Status('OK');
export const QUEUED = new Status('QUEUED');

export const WRONG_TYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value';
export const SYNTAX = 'ERR syntax error';
export const NOT_INTEGER = 'ERR value is not an integer or out of range';
export const NOT_FLOAT = 'ERR value is not a valid float';
