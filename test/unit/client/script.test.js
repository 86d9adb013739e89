import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { bindScript, defineScript } from '../../../src/client/script.js';
import { ServerError } from '../../../src/core/errors.js';
const echo = defineScript({
    name: 'test.echo',
    keys: ['one'],
    args: ['a', 'b'],
    readOnly: true,
    idempotent: true,
    decode: (reply) => reply,
    lua: 'return ARGV[1]',
});
/** Answers each command by the next of `replies`; an Error is a rejection. */
function scripted(...replies) {
    const sent = [];
    return {
        sent,
        send: (command) => {
            sent.push(command);
            const reply = replies.shift();
            return reply instanceof Error ? Promise.reject(reply) : Promise.resolve(reply);
        },
    };
}
describe('a script', () => {
    it('runs by its digest', async () => {
        const { sent, send } = scripted('x');
        await bindScript(echo, send).run(['k'], ['x', 2]);
        const digest = createHash('sha1').update('return ARGV[1]').digest('hex');
        expect(sent).toEqual([['EVALSHA', digest, 1, 'k', 'x', 2]]);
    });
    it('is sent in full once when the server does not know it', async () => {
        const { sent, send } = scripted(new ServerError('NOSCRIPT No matching script.', 'EVALSHA'), 'x');
        expect(await bindScript(echo, send).run(['k'], ['x', 2])).toBe('x');
        expect(sent[1]).toEqual(['EVAL', 'return ARGV[1]', 1, 'k', 'x', 2]);
    });
    it.each(['ERR x', 'NOPERM x', 'BUSY x', 'OOM x'])('is not run again after %s', async (reply) => {
        const { sent, send } = scripted(new ServerError(reply, 'EVALSHA'));
        await expect(bindScript(echo, send).run(['k'], ['x', 2])).rejects.toBeInstanceOf(ServerError);
        expect(sent).toHaveLength(1);
    });
    it('refuses the wrong number of keys or arguments before anything is sent', async () => {
        const { sent, send } = scripted();
        const script = bindScript(echo, send);
        await expect(script.run([], ['x', 2])).rejects.toThrow(/`test.echo keys` to be 1 in number, got 0/);
        await expect(script.run(['k'], ['x'])).rejects.toThrow(/`test.echo arguments` to be 2 in number, got 1/);
        expect(sent).toEqual([]);
    });
    it('takes any number where its declaration ends in dots', async () => {
        const many = defineScript({ ...echo, keys: ['k...'], args: ['n', 'rest...'] });
        const { sent, send } = scripted('a', 'b');
        await bindScript(many, send).run(['a', 'b', 'c'], ['1', 2]);
        await expect(bindScript(many, send).run([], [])).rejects.toThrow(/at least 1 in number, got 0/);
        expect(sent[0]?.slice(2)).toEqual([3, 'a', 'b', 'c', '1', 2]);
    });
});
