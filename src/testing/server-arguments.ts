import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerSettings } from './server-settings.js';

export interface ServerPlace {
  readonly folder: string;
  readonly socketPath: string;
  /** 0 for none. */
  readonly port: number;
  /** The port of the cluster bus; 0 outside a cluster. */
  readonly busPort: number;
}

/** The command line of a server, for which it writes the files that it names. */
export function serverArguments(settings: ServerSettings, place: ServerPlace): string[] {
  const { folder, socketPath } = place;
  const all = settings.mode === 'sentinel' ? [sentinelFile(folder), '--sentinel'] : [];
  all.push('--dir', folder, '--unixsocket', socketPath, '--bind', '127.0.0.1', ...listening(settings, place));
  if (settings.mode !== 'sentinel') all.push('--save', '', '--appendonly', 'no', '--repl-diskless-sync-delay', '0');
  if (settings.mode === 'cluster') all.push('--cluster-enabled', 'yes', '--cluster-port', String(place.busPort));
  if (settings.acl !== undefined) {
    const file = join(folder, 'users.acl');
    writeFileSync(file, `${settings.acl.join('\n')}\n`);
    all.push('--aclfile', file);
  }
  if (settings.ownUser !== undefined && settings.mode !== 'sentinel') {
    all.push('--masteruser', settings.ownUser.username, '--masterauth', settings.ownUser.password);
  }
  return [...all, ...settings.args];
}

/** The file in which a sentinel keeps what it has learnt, and which is its own from then on. */
function sentinelFile(folder: string): string {
  const file = join(folder, 'sentinel.conf');
  writeFileSync(file, '', { flag: 'a' });
  return file;
}

function listening({ tls, mode }: ServerSettings, { port }: ServerPlace): string[] {
  if (tls === undefined) return ['--port', String(port)];
  const { ca, server } = tls.certificates;
  const all = ['--port', '0', '--tls-port', String(port), '--tls-replication', 'yes'];
  all.push('--tls-ca-cert-file', ca.certFile, '--tls-cert-file', server.certFile, '--tls-key-file', server.keyFile);
  all.push('--tls-auth-clients', tls.requireClientCertificate ? 'yes' : 'no');
  if (mode === 'cluster') all.push('--tls-cluster', 'yes');
  return all;
}
