import { describe, expect, it } from 'vitest';

import { checkInteger, checkKnown, checkOneOf, checkText, nearest } from '../../../src/core/check.js';

describe('option checks', () => {
  it('name the nearest option for one that does not exist', () => {
    expect(() => checkKnown('cache', { prefx: 'x' }, ['prefix', 'codec'])).toThrow(
      'Expected `cache.prefx` to be a known option – did you mean `prefix`?, got an unknown option',
    );
  });

  it('list the options when none is near', () => {
    expect(() => checkKnown('cache', { zzzzzz: 1 }, ['prefix', 'codec'])).toThrow(/one of prefix, codec/);
  });

  it.each([null, [], 'x', 5])('refuse %s where options are expected', (value) => {
    expect(() => checkKnown('cache', value, ['prefix'])).toThrow(/`cache` to be an object of options/);
  });

  it('accept options that are left out', () => {
    expect(() => checkKnown('cache', undefined, ['prefix'])).not.toThrow();
  });

  it('refuse a string with a lone surrogate, two of which would be one key in UTF-8', () => {
    expect(() => checkText('key', '\uD800')).toThrow(/well-formed/);
    expect(checkText('key', '🙂')).toBe('🙂');
  });

  it('never show a string that came, which may be a secret', () => {
    expect(() => checkInteger('port', 'hunter2', { min: 1, max: 2 })).toThrow(/got a string$/);
  });

  it('show the name that came where only names are expected', () => {
    expect(() => checkOneOf('onError', 'opn', ['open', 'throw'])).toThrow(
      "Expected `onError` to be 'open' or 'throw', got \"opn\"",
    );
  });

  it.each([
    ['hots', 'host'],
    ['Prefix', 'prefix'],
    ['commandTimeOut', 'commandTimeout'],
    ['qqq', undefined],
  ])('find for %s the near name %s', (name, expected) => {
    expect(nearest(name, ['host', 'prefix', 'commandTimeout'])).toBe(expected);
  });
});
