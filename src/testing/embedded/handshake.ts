import { createHash, timingSafeEqual } from 'node:crypto';
import { type EngineReply, ErrorReply, MapReply, OK } from '../../embedded/reply.js';
import type { Protocol } from './reply-encoder.js';

/** Who may use a listener; without a password, everybody. */
export interface Gate {
  readonly username: string;
  readonly password: string | undefined;
}

const NOAUTH_HELLO =
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> ' +
  'option can be used to authenticate the client and select the RESP protocol version at the same time';
const NO_PASSWORD =
  'ERR AUTH <password> called without any password configured for the default user. ' +
  'Are you sure your configuration is correct?';

/** What a connection and its client agree on before anything else: who it is, and the version of the protocol. */
export class Handshake {
  protocol: Protocol = 2;
  readonly #gate: Gate;
  #isAdmitted: boolean;

  constructor(gate: Gate) {
    this.#gate = gate;
    this.#isAdmitted = gate.password === undefined;
  }

  /** @throws ErrorReply for a command that the client may not send yet */
  admit(name: string): void {
    if (this.#isAdmitted || name === 'AUTH' || name === 'HELLO' || name === 'QUIT' || name === 'RESET') return;
    throw new ErrorReply('NOAUTH Authentication required.');
  }

  /** As at the beginning, which is what RESET does. */
  restart(): void {
    this.protocol = 2;
    this.#isAdmitted = this.#gate.password === undefined;
  }

  /** `AUTH [username] password`. @throws ErrorReply */
  auth(argv: readonly string[]): EngineReply {
    if (argv.length < 2) throw new ErrorReply("ERR wrong number of arguments for 'auth' command");
    if (argv.length > 3) throw new ErrorReply('ERR syntax error');
    if (argv.length === 2 && this.#gate.password === undefined) throw new ErrorReply(NO_PASSWORD);
    const username = argv.length === 3 ? (argv[1] as string) : 'default';
    this.#check(username, argv.at(-1) as string);
    return OK;
  }

  /** `HELLO [2|3 [AUTH username password] [SETNAME name]]`. @throws ErrorReply */
  hello(argv: readonly string[], run: (argv: readonly string[]) => EngineReply): EngineReply {
    const version = argv[1] ?? String(this.protocol);
    if (version !== '2' && version !== '3') throw new ErrorReply('NOPROTO unsupported protocol version');
    const rest = argv.slice(2);
    if (rest[0]?.toUpperCase() === 'AUTH') {
      if (rest.length < 3) throw new ErrorReply("ERR Syntax error in HELLO option 'auth'");
      this.#check(rest[1] as string, rest[2] as string);
      rest.splice(0, 3);
    }
    if (!this.#isAdmitted) throw new ErrorReply(NOAUTH_HELLO);
    const reply = run(['HELLO', '3', ...rest]);
    if (!(reply instanceof MapReply)) return reply;
    this.protocol = version === '2' ? 2 : 3;
    const facts = [...reply.flat];
    facts[facts.indexOf('proto') + 1] = this.protocol;
    return new MapReply(facts);
  }

  #check(username: string, password: string): void {
    const { username: known, password: secret } = this.#gate;
    const isRight = username === known && (secret === undefined || isSame(password, secret));
    if (!isRight) throw new ErrorReply('WRONGPASS invalid username-password pair or user is disabled.');
    this.#isAdmitted = true;
  }
}

function isSame(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
