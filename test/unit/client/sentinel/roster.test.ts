import { describe, expect, it } from 'vitest';

import type { Peer, Word } from '../../../../src/client/drivers/sentinel/answer.js';
import { Roster } from '../../../../src/client/drivers/sentinel/roster.js';

const at = (port: number): { host: string; port: number } => ({ host: '10.0.0.1', port });
const word = (peers: readonly Peer[], id?: string): Word => ({ primary: at(6379), epoch: 1, id, peers });
const ports = (roster: Roster): number[] => roster.addresses.map(({ port }) => port);

describe('Roster', () => {
  it('begins with the configured order, and asks whoever answered last first', () => {
    const roster = new Roster([at(1), at(2), at(3)]);
    expect(ports(roster)).toEqual([1, 2, 3]);
    roster.answered(at(3), word([]));
    expect(ports(roster)).toEqual([3, 1, 2]);
    roster.answered(at(2), word([]));
    expect(ports(roster)).toEqual([2, 3, 1]);
  });

  it('asks one that was lost last', () => {
    const roster = new Roster([at(1), at(2), at(3)]);
    roster.lost(at(1));
    expect(ports(roster)).toEqual([2, 3, 1]);
  });

  it('asks one that is configured twice once', () => {
    expect(ports(new Roster([at(1), at(1), at(2)]))).toEqual([1, 2]);
  });

  it('learns others, each once', () => {
    const roster = new Roster([at(1)]);
    const peers = [2, 3].map((port) => ({ address: at(port), id: `id${port}` }));
    roster.answered(at(1), word(peers, 'id1'));
    roster.answered(at(1), word(peers, 'id1'));
    expect(ports(roster)).toEqual([1, 2, 3]);
  });

  it('knows one by its id though it is called by another address', () => {
    const roster = new Roster([{ host: 'sentinel.internal', port: 1 }]);
    roster.answered({ host: 'sentinel.internal', port: 1 }, word([], 'id1'));
    roster.answered({ host: 'sentinel.internal', port: 1 }, word([{ address: at(1), id: 'id1' }], 'id1'));
    expect(roster.addresses).toEqual([{ host: 'sentinel.internal', port: 1 }]);
  });

  it('keeps at most 32 learnt ones, and every configured one, however many come and go', () => {
    const roster = new Roster([at(1), at(2)]);
    for (let port = 100; port < 10_000; port += 1) roster.answered(at(1), word([{ address: at(port), id: undefined }]));
    expect(roster.addresses).toHaveLength(34);
    expect(ports(roster)).toEqual(expect.arrayContaining([1, 2, 9_999]));
    const many = Array.from({ length: 100 }, (_, index) => ({ address: at(20_000 + index), id: undefined }));
    roster.answered(at(1), word(many));
    expect(roster.addresses).toHaveLength(34);
    expect(ports(roster)).toEqual(expect.arrayContaining([1, 2, 20_099]));
  });
});
