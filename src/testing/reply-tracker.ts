import { parseResp, RespPush, type RespValue, wordOf } from './resp.js';

/** A reply that shall not arrive. `left` counts the commands that match until the one that is meant. */
export interface LostReply {
  readonly command: string | undefined;
  left: number;
  readonly ending: 'reset' | 'silence';
  readonly done: () => void;
}

interface Sent {
  readonly name: string;
  readonly lost: LostReply | undefined;
}

/** Commands that get one reply for each of their arguments. */
const SUBSCRIPTION = /^[sp]?(un)?subscribe$/i;
/** What RESP2 delivers to a subscriber as arrays, where RESP3 has pushes. */
const MESSAGE = /^[sp]?message$/;
const ASTERISK = 0x2a;

/**
 * Follows one connection: which reply belongs to which command, without changing either. What is not RESP, such as TLS,
 * passes unread from there on.
 */
export class ReplyTracker {
  readonly #lostReplies: LostReply[];
  readonly #onCommand: (name: string) => void;
  readonly #sent: Sent[] = [];
  #commandBytes: Buffer = Buffer.alloc(0);
  #replyBytes: Buffer = Buffer.alloc(0);
  #isSubscriber = false;
  #isSilent = false;
  #isOpaque = false;

  constructor(lostReplies: LostReply[], onCommand: (name: string) => void) {
    this.#lostReplies = lostReplies;
    this.#onCommand = onCommand;
  }

  sawCommands(bytes: Buffer): void {
    if (this.#isOpaque) return;
    try {
      this.#readCommands(bytes);
    } catch {
      this.#isOpaque = true;
    }
  }

  /** What of these bytes may pass, and the reply that was dropped among them. Nothing passes after a dropped one. */
  sawReplies(bytes: Buffer): { pass: Buffer; lost: LostReply | undefined } {
    if (this.#isSilent) return { pass: Buffer.alloc(0), lost: undefined };
    if (this.#isOpaque) return { pass: bytes, lost: undefined };
    try {
      return this.#readReplies(bytes);
    } catch {
      this.#isOpaque = true;
      return { pass: bytes, lost: undefined };
    }
  }

  #readCommands(bytes: Buffer): void {
    this.#commandBytes = Buffer.concat([this.#commandBytes, bytes]);
    while (this.#commandBytes.length > 0) {
      if (this.#commandBytes[0] !== ASTERISK) throw new Error('Not a command in RESP');
      const parsed = parseResp(this.#commandBytes);
      if (parsed === undefined) return;
      this.#commandBytes = this.#commandBytes.subarray(parsed.end);
      this.#expect(parsed.value as RespValue[]);
    }
  }

  #expect(command: readonly RespValue[]): void {
    const name = wordOf(command[0]).toUpperCase();
    this.#sent.push({ name, lost: this.#takeLost(name) });
    if (SUBSCRIPTION.test(name)) {
      this.#isSubscriber = true;
      for (let more = command.length - 2; more > 0; more -= 1) this.#sent.push({ name, lost: undefined });
    }
    this.#onCommand(name);
  }

  #isAnswer(value: RespValue): boolean {
    if (value instanceof RespPush) return SUBSCRIPTION.test(wordOf(value.items[0]));
    return !(this.#isSubscriber && Array.isArray(value) && MESSAGE.test(wordOf(value[0])));
  }

  #readReplies(bytes: Buffer): { pass: Buffer; lost: LostReply | undefined } {
    const alreadyPassed = this.#replyBytes.length;
    this.#replyBytes = Buffer.concat([this.#replyBytes, bytes]);
    let at = 0;
    for (let parsed = parseResp(this.#replyBytes); parsed !== undefined; parsed = parseResp(this.#replyBytes, at)) {
      const sent = this.#isAnswer(parsed.value) ? this.#sent.shift() : undefined;
      if (sent?.lost !== undefined) {
        this.#isSilent = true;
        return { pass: this.#replyBytes.subarray(alreadyPassed, Math.max(at, alreadyPassed)), lost: sent.lost };
      }
      at = parsed.end;
    }
    this.#replyBytes = this.#replyBytes.subarray(at);
    return { pass: bytes, lost: undefined };
  }

  #takeLost(name: string): LostReply | undefined {
    const index = this.#lostReplies.findIndex((each) => each.command === undefined || each.command === name);
    const lost = this.#lostReplies[index];
    if (lost === undefined || --lost.left > 0) return undefined;
    this.#lostReplies.splice(index, 1);
    return lost;
  }
}
