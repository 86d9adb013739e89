import { checkBoolean, checkKnown, checkOneOf, checkText, wrong } from '../../core/check.js';
import { ConfigError } from '../../core/errors.js';
import { checkSecret } from './credentials.js';
import { checkEach, partsOf } from './issues.js';
import type { TlsOptions } from './redis-options.js';
import type { TlsSettings } from './settings.js';

const NAMES: readonly (keyof TlsOptions)[] = [
  'ca',
  'caFile',
  'cert',
  'certFile',
  'key',
  'keyFile',
  'passphrase',
  'servername',
  'minVersion',
  'pin',
  'dangerouslySkipVerification',
];

/** @throws ConfigError with all issues of the TLS options at once */
export function checkTls(path: string, value: unknown): TlsSettings | undefined {
  if (value === false) return undefined;
  const given = value === true ? {} : value;
  const options = partsOf<TlsOptions>(given);
  const { minVersion = 'TLSv1.2', dangerouslySkipVerification = false } = options;
  const text = (name: 'caFile' | 'certFile' | 'keyFile' | 'servername') => (): string | undefined =>
    options[name] === undefined ? undefined : checkText(`${path}.${name}`, options[name]);
  const pem = (name: 'ca' | 'cert' | 'key') => (): string | Uint8Array | undefined =>
    checkPem(`${path}.${name}`, options[name]);
  return checkEach<TlsSettings>(
    {
      ca: pem('ca'),
      caFile: text('caFile'),
      cert: pem('cert'),
      certFile: text('certFile'),
      key: pem('key'),
      keyFile: text('keyFile'),
      passphrase: () =>
        options.passphrase === undefined ? undefined : checkSecret(`${path}.passphrase`, options.passphrase),
      servername: text('servername'),
      minVersion: () => checkOneOf(`${path}.minVersion`, minVersion, ['TLSv1.2', 'TLSv1.3']),
      pins: () => checkPins(`${path}.pin`, options.pin),
      dangerouslySkipVerification: () =>
        checkBoolean(`${path}.dangerouslySkipVerification`, dangerouslySkipVerification),
    },
    () => checkKnown(path, given, NAMES),
    () => checkAlternatives(path, options),
  );
}

/** One of a value and its file, and a certificate and its key together. */
function checkAlternatives(path: string, options: TlsOptions): void {
  const has = (name: 'ca' | 'cert' | 'key'): boolean =>
    options[name] !== undefined || options[`${name}File`] !== undefined;
  const twice = (['ca', 'cert', 'key'] as const).filter(
    (name) => options[name] !== undefined && options[`${name}File`] !== undefined,
  );
  const issues = twice.map((name) => ({
    option: `${path}.${name}File`,
    expected: `unset when \`${path}.${name}\` is given`,
    received: 'both',
  }));
  if (has('cert') !== has('key')) {
    const [missing, present] = has('cert') ? ['key', 'cert'] : ['cert', 'key'];
    issues.push({
      option: `${path}.${missing}`,
      expected: `given together with \`${present}\``,
      received: 'undefined',
    });
  }
  if (issues.length > 0) throw new ConfigError(issues);
}

function checkPem(path: string, value: unknown): string | Uint8Array | undefined {
  if (value === undefined || typeof value === 'string' || value instanceof Uint8Array) return value;
  throw wrong(path, 'PEM text or bytes', value);
}

/** 44 characters of base64 behind `sha256/`; curl writes one more slash, which the length tells from a digit. */
const PIN = /^sha256\/\/?([A-Za-z0-9+/]{43}=)$/;

function checkPins(path: string, value: unknown): readonly string[] {
  if (value === undefined) return Object.freeze([]);
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0) throw wrong(path, 'at least one pin', value);
  return Object.freeze(list.map((one) => checkPin(path, one)));
}

function checkPin(path: string, value: unknown): string {
  const digest = typeof value === 'string' ? PIN.exec(value)?.[1] : undefined;
  // the last digit of 32 bytes has two bits to spare, and only one way to write them counts
  if (digest !== undefined && Buffer.from(digest, 'base64').toString('base64') === digest) return digest;
  throw wrong(path, "'sha256/' and the base64 of 32 bytes", value);
}
