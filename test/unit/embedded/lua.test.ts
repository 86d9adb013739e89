import { describe, expect, it } from 'vitest';
import { start } from './session.js';

describe('Lua', () => {
  it('prints numbers with 14 digits and truncates them in replies', async () => {
    const { lua } = await start();
    const source =
      'return {tostring(1/3), tostring(1e15), tostring(123456789012345), 7/2, -7/2, tostring(2^53), tostring(10/2)}';
    expect(await lua(source)).toEqual([
      '0.33333333333333',
      '1e+15',
      '1.2345678901234e+14',
      3,
      -3,
      '9.007199254741e+15',
      '5',
    ]);
  });

  it('gives each turn of a loop its own variables, and each closure its own state', async () => {
    const { lua } = await start();
    const source = `
      local fs = {}
      for i = 1, 3 do local n = i * 10 fs[i] = function() n = n + 1 return n end end
      fs[1]() fs[1]()
      return {fs[1](), fs[2](), fs[3]()}`;
    expect(await lua(source)).toEqual([13, 21, 31]);
  });

  it('passes any number of values', async () => {
    const { lua } = await start();
    const source = `
      local function f(...) return select('#', ...), ... end
      local t = {f(1, nil, 3)}
      local a, b, c, d = (function() return 1, 2 end)(), f()
      return {#t, t[1], a, b, tostring(c), (f(1, 2, 3))}`;
    expect(await lua(source)).toEqual([4, 3, 1, 0, 'nil', 3]);
  });

  it('catches errors with their position, and lets other errors stop the script', async () => {
    const { lua } = await start();
    expect(await lua("local ok, e = pcall(function()\n error('x') end) return e")).toBe('user_script:2: x');
    expect(await lua('local t = nil\nreturn t.x')).toContain("user_script:2: attempt to index local 't' (a nil value)");
    expect(await lua('return nothing')).toContain("nonexistent global variable 'nothing'");
    expect(await lua('x = 1')).toContain('readonly');
    expect(await lua('return redis.call("HGET", "k")')).toContain('ERR');
    expect(await lua('return (')).toContain('ERR Error compiling script');
  });

  it('a failing redis.call stops the script with the reply of the command, redis.pcall returns it', async () => {
    const { run, lua } = await start();
    await run('SET', 's', 'x');
    expect(
      await lua("redis.call('SET', 'before', '1') redis.call('LPOP', 's') redis.call('SET', 'after', '1')"),
    ).toContain('WRONGTYPE');
    expect(await run('MGET', 'before', 'after')).toEqual(['1', null]);
    expect(await lua("return redis.pcall('LPOP', 's').err")).toContain('WRONGTYPE');
  });

  it('stops a script that never ends', async () => {
    const { lua, run } = await start();
    expect(await lua('while true do end')).toContain('ERR');
    expect(await lua('pcall(function() while true do end end) return 1')).toContain('ERR');
    expect(await lua('local function f() return f() + 1 end return f()')).toContain('ERR');
    expect(await run('PING')).toBe('PONG');
  });

  it('refuses writes of read-only scripts, and commands that no script may use', async () => {
    const { run, lua } = await start();
    expect(await run('EVAL_RO', "return redis.call('SET', 'k', 'v')", 0)).toContain('ERR');
    expect(await lua("return redis.call('MULTI')")).toContain('ERR');
    expect(await run('EXISTS', 'k')).toBe(0);
  });

  it('a script is known after EVAL and SCRIPT LOAD until SCRIPT FLUSH', async () => {
    const { run } = await start();
    const sha = (await run('SCRIPT', 'LOAD', 'return ARGV[1]')) as string;
    expect(await run('EVALSHA', sha, 0, 'é')).toBe('é');
    expect(await run('SCRIPT', 'EXISTS', sha, 'x')).toEqual([1, 0]);
    await run('SCRIPT', 'FLUSH');
    expect(await run('EVALSHA', sha, 0, 'é')).toContain('NOSCRIPT');
  });

  it('reads and writes JSON, MessagePack and C structures', async () => {
    const { lua } = await start();
    expect(await lua('return cjson.encode({1, "a/b", true, cjson.null, {k = {}}})')).toBe(
      '[1,"a\\/b",true,null,{"k":{}}]',
    );
    expect(await lua('return cjson.decode(ARGV[1]).a[2]', '{"a":[1,"\\u00e9\\ud83d\\ude00"]}')).toBe('é😀');
    expect(await lua('return cmsgpack.unpack(cmsgpack.pack({1, "x", {2.5, -70000}}))[3][2]')).toBe(-70000);
    expect(await lua("return {struct.unpack('<I3 >h s c0', struct.pack('<I3 >h s', 70000, -2, 'ab') )}")).toContain(
      'ERR',
    );
    expect(await lua("return {struct.unpack('>I2hs', struct.pack('>I2hs', 70, -2, 'ab'))}")).toEqual([70, -2, 'ab', 8]);
  });

  it('sees positive results where a reply has a map or scores', async () => {
    const { run, lua } = await start();
    await run('HSET', 'h', 'f', 'v');
    await run('ZADD', 'z', '1.5', 'm');
    expect(await lua("return redis.call('HGETALL', 'h')")).toEqual(['f', 'v']);
    expect(await lua("return redis.call('ZRANGE', 'z', 0, -1, 'WITHSCORES')")).toEqual(['m', '1.5']);
    expect(await lua("return {type(redis.call('GET', 'none')), redis.call('SET', 'k', 'v').ok}")).toEqual([
      'boolean',
      'OK',
    ]);
  });
});
