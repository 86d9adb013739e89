import { type EngineReply, ErrorReply, MapReply, OK, SYNTAX } from '../reply.js';
import type { Session } from '../server.js';

const PREFIX_WITHOUT_BCAST = 'ERR PREFIX option requires BCAST mode to be enabled';
const OTHER_MODE =
  "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.";
const OPT_WITH_BCAST = 'ERR OPTIN and OPTOUT are not compatible with BCAST';
const BCAST_ONLY = 'ERR The embedded engine tracks in BCAST mode only';
const NO_REDIRECT = 'ERR The embedded engine does not redirect invalidations';

interface Options {
  readonly flags: ReadonlySet<string>;
  readonly prefixes: readonly string[];
}

function readOptions(words: readonly string[]): Options {
  const flags = new Set<string>();
  const prefixes: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = (words[at] as string).toUpperCase();
    const value = words[at + 1];
    if (word === 'BCAST' || word === 'NOLOOP' || word === 'OPTIN' || word === 'OPTOUT') flags.add(word);
    else if (word === 'PREFIX' && value !== undefined) {
      prefixes.push(value);
      at += 1;
    } else if (word === 'REDIRECT' && value !== undefined) throw new ErrorReply(NO_REDIRECT);
    else throw new ErrorReply(SYNTAX);
  }
  return { flags, prefixes };
}

function checkPrefixes(prefixes: readonly string[], known: readonly string[]): void {
  prefixes.forEach((prefix, index) => {
    refuseOverlap(prefix, known, 'an existing prefix');
    refuseOverlap(prefix, prefixes.slice(index + 1), 'another provided prefix');
  });
}

function refuseOverlap(prefix: string, others: readonly string[], what: string): void {
  const other = others.find((each) => each.startsWith(prefix) || prefix.startsWith(each));
  if (other === undefined) return;
  const rule = 'Prefixes for a single client must not overlap.';
  throw new ErrorReply(`ERR Prefix '${prefix}' overlaps with ${what} '${other}'. ${rule}`);
}

/** `CLIENT TRACKING ON|OFF [BCAST] [PREFIX prefix]... [NOLOOP]`. */
export function track({ server, subscriber }: Session, argv: readonly string[]): EngineReply {
  const { flags, prefixes } = readOptions(argv.slice(3));
  const isBcast = flags.has('BCAST');
  switch ((argv[2] as string).toUpperCase()) {
    case 'OFF':
      server.tracking.stop(subscriber);
      return OK;
    case 'ON':
      break;
    default:
      throw new ErrorReply(SYNTAX);
  }
  const present = server.tracking.of(subscriber);
  if (!isBcast && prefixes.length > 0) throw new ErrorReply(PREFIX_WITHOUT_BCAST);
  if (!isBcast) throw new ErrorReply(present === undefined ? BCAST_ONLY : OTHER_MODE);
  if (flags.has('OPTIN') || flags.has('OPTOUT')) throw new ErrorReply(OPT_WITH_BCAST);
  checkPrefixes(prefixes, present?.prefixes ?? []);
  server.tracking.start(subscriber, prefixes.length === 0 ? [''] : prefixes, flags.has('NOLOOP'));
  return OK;
}

/** `CLIENT TRACKINGINFO`. */
export function trackingInfo({ server, subscriber }: Session): EngineReply {
  const tracking = server.tracking.of(subscriber);
  const flags = tracking === undefined ? ['off'] : ['on', 'bcast', ...(tracking.noLoop ? ['noloop'] : [])];
  const redirect = tracking === undefined ? -1 : 0;
  return new MapReply(['flags', flags, 'redirect', redirect, 'prefixes', tracking?.prefixes ?? []]);
}
