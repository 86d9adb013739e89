import fc from 'fast-check';

/**
 * Random Lua programs. The grammar, in which every name is typed so that most programs run to their end:
 *
 *   program  = prelude statement* "return {" result ("," result)* "}"
 *   prelude  = "local n1,n2,n3,n4 = number,…  local s1,s2,s3 = string,…  local t = {number,…}  local m = {a=…,b=…}  local function f(…)"
 *   statement= assignment | if | while | repeat | numeric for | generic for | table change
 *   number   = n | number arithmetic number | -n | #string | #t | t[i] or n | math | tonumber | f(…) | bit | select
 *   string   = s | string .. (string | number) | library call | tostring(number) | format with a number
 *   boolean  = comparison | not boolean | boolean and/or boolean | string match
 *   result   = number (truncated in the reply) | tostring(number) | string | boolean | type | pcall of something wrong
 *
 * Number literals stand in the prelude only: the compiler of Lua folds constants, and shares 0 with -0. `q` keeps NaN
 * away, whose printed sign JavaScript does not know (see known-differences).
 */
const numberLiteral = fc.constantFrom(
  '0',
  '1',
  '-1',
  '2',
  '3',
  '7',
  '10',
  '0.5',
  '-2.75',
  '1e15',
  '123456789012345',
  '1e100',
  '-1e-7',
  '3.14159265358979',
  '2^31',
  '2^53',
  '0.1',
  '1/3',
  '100',
  '1e14',
  '99999999999999.5',
  '0x1F',
  '.5',
  '5e-324',
);
const stringLiteral = fc.constantFrom(
  "''",
  "'abc'",
  "'Hello World'",
  "'10'",
  "'0x10'",
  "' 5 '",
  "'3.5'",
  "'a,b,,c'",
  "'\\0\\255x'",
  "'x=1, y=22'",
  "'--[]%'",
  '[[long\ntext]]',
  "'é'",
);
const n = fc.constantFrom('n1', 'n2', 'n3', 'n4');
const s = fc.constantFrom('s1', 's2', 's3');
const small = fc.constantFrom('1', '2', '3', '4', '-1', '-2', '0');

/** A template: each `$` takes the next arbitrary. */
function fill(template: string, ...parts: readonly fc.Arbitrary<string>[]): fc.Arbitrary<string> {
  return fc.tuple(...parts).map((texts) => {
    let next = 0;
    return template.replace(/\$/g, () => texts[next++] as string);
  });
}

const pattern = fc.constantFrom(
  "'%d+'",
  "'(%a)(%w*)'",
  "'^%s*(.-)%s*$'",
  "'[^,]*'",
  "'l+'",
  "'.-o'",
  "'(%w+)=(%w+)'",
  "'%f[%w]%w+'",
  "'()'",
  "'[a-cx%-]'",
  "'%b[]'",
  "'x?y*'",
  "'(.)%1'",
  "'%z'",
  "'$'",
  "'[%]'",
  "'(a'",
);
const numberFormat = fc.constantFrom(
  '%d',
  '%5d',
  '%-5d|',
  '%05d',
  '%+d',
  '% d',
  '%i',
  '%.3d',
  '%x',
  '%X',
  '%#x',
  '%o',
  '%c',
  '%e',
  '%.3e',
  '%E',
  '%f',
  '%.0f',
  '%.2f',
  '%10.3f',
  '%-10.1f|',
  '%+.1f',
  '%g',
  '%.3g',
  '%.14g',
  '%.17g',
  '%G',
  '%#g',
  '%s',
  '%%%d',
  '%5s',
  '%u',
);

/** A type, not an interface: `letrec` asks for an index signature. */
type Expressions = { number: string; string: string; boolean: string };

const expressions = fc.letrec<Expressions>((tie) => {
  const number = tie('number');
  const string = tie('string');
  const boolean = tie('boolean');
  return {
    number: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      n,
      fill('q($ $ $)', number, fc.constantFrom('+', '-', '*', '/', '%'), number),
      fill('(-$)', n),
      fill('#$', s),
      fill('(t[$] or $)', small, number),
      fill('q(math.$($))', fc.constantFrom('floor', 'ceil', 'abs', 'sqrt'), number),
      fill('q(math.$($, $))', fc.constantFrom('max', 'min', 'fmod'), number, number),
      fill('(tonumber($) or $)', string, n),
      fill('(tonumber($, $) or $)', s, fc.constantFrom('2', '8', '10', '16', '36'), n),
      fill('q(f($, $))', number, n),
      fill('($ and $ or $)', boolean, number, n),
      fill(
        'bit.$($ % 4294967296, 5)',
        fc.constantFrom('band', 'bor', 'bxor', 'lshift', 'rshift', 'arshift', 'rol', 'ror'),
        n,
      ),
      fill("select('#', unpack(t, 1, $))", small),
      fill('(select($, 5, 6, 7, 8))', fc.constantFrom('1', '2', '3', '-1', '-2')),
      fill('(string.byte($, $) or 0)', string, small),
      fill('(string.find($, $) or 0)', string, pattern),
      fill('(select(2, string.gsub($, $, "-")))', string, pattern),
      fill('(#cjson.encode($))', string),
      fill('(#cmsgpack.pack($))', number),
      fill("(struct.unpack('$', struct.pack('$', $ % 100)))", fc.constant('>h'), fc.constant('>h'), n),
      fill('#struct.pack($, $, $)', fc.constantFrom("'!bi4'", "'>I2d'", "'<lf'", "'bxh'", "'! bd'"), n, n),
    ),
    string: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      s,
      fill('($ .. $)', string, string),
      fill('($ .. $)', s, number),
      fill('tostring($)', number),
      fill('string.sub($, $, $)', string, small, small),
      fill('string.rep($, $ )', s, small),
      fill('string.$($)', fc.constantFrom('upper', 'lower', 'reverse'), string),
      fill("string.format('$', $)", numberFormat, number),
      fill("string.format('%q %-8s|%.2s', $, $, $)", s, s, s),
      fill(
        '(string.gsub($, $, $))',
        string,
        pattern,
        fc.constantFrom("'<%0>'", "'%1'", "''", 'm', 'string.upper', "'%%'"),
      ),
      fill('(string.match($, $) or $)', string, pattern, s),
      fill('table.concat(t, $)', s),
      fill("table.concat({$, $, $}, ',')", string, number, s),
      fill('string.char($ % 256, 65)', fc.constantFrom('n1 and 1', '200', '3')),
      fill('cjson.encode($)', fc.oneof(string, number, fc.constant('t'), fc.constant('{}'), fc.constant('{{a=t}}'))),
      fill('cmsgpack.pack($)', fc.oneof(number, string, fc.constant('t'), fc.constant('{t,{1}}'))),
      fill('bit.tohex($ % 65536)', n),
      fill('struct.pack($, $ % 100)', fc.constantFrom("'>I2'", "'<i4'", "'d'", "'>l'", "'B'", "'f'"), n),
      fill('type($)', fc.oneof(number, string, fc.constantFrom('t', 'nil', 'f', 'cjson.null'))),
    ),
    boolean: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fill('($ $ $)', number, fc.constantFrom('<', '<=', '>', '>=', '==', '~='), number),
      fill('($ $ $)', string, fc.constantFrom('<', '<=', '==', '~='), string),
      fill('(not $)', boolean),
      fill('($ $ $)', boolean, fc.constantFrom('and', 'or'), boolean),
      fill('(string.find($, $) ~= nil)', string, pattern),
    ),
  };
});

const statement = fc.oneof(
  fill('$ = $', n, expressions.number),
  fill('$ = $', s, expressions.string),
  fill('n1, n2 = n2, $', expressions.number),
  fill(
    'if $ then $ = $ elseif $ then n3 = n3 + 1 else $ = $ end',
    expressions.boolean,
    n,
    expressions.number,
    expressions.boolean,
    s,
    expressions.string,
  ),
  fill('for i = 1, $ do n4 = q(n4 + i) if i > 3 then break end end', small),
  fill('for i = 3, 1, -1 do t[#t+1] = q(i * $) end', n),
  fill('for i, v in ipairs(t) do if i > 4 then break end n3 = v end', fc.constant('')),
  fill('do local c = 0 while c < 3 do c = c + 1 $ = $ .. c end end', s, s),
  fill('do local c = 0 repeat local d = c + 1 c = d until d >= 2 n2 = c end', fc.constant('')),
  fill('table.insert(t, $)', expressions.number),
  fill('table.insert(t, 1, $)', n),
  fill('n1 = table.remove(t$) or n1', fc.constantFrom('', ', 1')),
  fill('m[$] = $', fc.constantFrom("'a'", "'b'", '1'), expressions.string),
  fill(
    'do local fs = {} for i = 1, 3 do fs[i] = function() i = i + 1 return i end end n2 = fs[1]() + fs[1]() + fs[3]() end',
    fc.constant(''),
  ),
  fill('do local u = {5, 3, 9, 1} table.sort(u$) t = u end', fc.constantFrom('', ', function(a, b) return a > b end')),
  fill("do local w = '' for k in string.gmatch($, $) do w = w .. tostring(k) .. ';' end s3 = w end", s, pattern),
  fill('do local k, v = next(m) s1 = type(k) .. type(v) end', fc.constant('')),
);

const failing = fc.constantFrom(
  'function() return 1 + nil end',
  'function() return {} .. "x" end',
  'function() return 1 < "2" end',
  'function() return {} < {} end',
  'function() local x return x.y end',
  'function() return #5 end',
  'function() return undefinedglobal end',
  'function() error("text") end',
  'function() error("text", 0) end',
  'function() error({err = "CODE text"}) end',
  'function() m.a.b.c = 1 end',
  'function() t[nil] = 1 end',
  'function() return string.rep() end',
  'function() return ("x"):bad() end',
  'function() return math.floor({}) end',
  'function() return s1.x end',
  'function() for i = 1, {} do end end',
  'function() return string.format("%d", "x") end',
  'function() return cjson.decode("{") end',
  'function() string.x = 1 end',
  'function() newglobal = 1 end',
  'function() return redis.call("GET") end',
  'function() return unpack({}, 1, 9000) end',
  'function() return ("x"):rep(-1), ("abc"):sub(2) end',
  'function() return select(0) end',
);

const result = fc.oneof(
  expressions.number,
  fill('tostring($)', expressions.number),
  expressions.string,
  expressions.boolean,
  fill('(pcall($))', failing),
  fill('type(select(2, pcall($)))', failing),
  fc.constant('type(select(2, pcall(error, {code = 5})))'),
  fill('#t', fc.constant('')),
  fc.constantFrom(
    'm.a',
    't',
    'nil',
    'true',
    '{ok="fine"}',
    '{err="CODE text"}',
    'redis.error_reply("MY error")',
    'redis.status_reply("yes")',
  ),
);

export const luaProgram: fc.Arbitrary<string> = fc
  .record({
    numbers: fc.tuple(numberLiteral, numberLiteral, numberLiteral, numberLiteral),
    strings: fc.tuple(stringLiteral, stringLiteral, stringLiteral),
    statements: fc.array(statement, { maxLength: 6 }),
    results: fc.array(result, { minLength: 1, maxLength: 6 }),
  })
  .map(({ numbers, strings, statements, results }) =>
    [
      `local n1, n2, n3, n4 = ${numbers.join(', ')}`,
      `local s1, s2, s3 = ${strings.join(', ')}`,
      'local function q(x) if x ~= x then return 0 end return x end',
      'local t = {3, 1, 2}',
      "local m = {a = 'x', b = 'y'}",
      'local function f(x, ...) local y = ... return (y or 1) - x end',
      ...statements,
      `return {${results.join(', ')}}`,
    ].join('\n'),
  );

/** Programs that stop with an error, which is the whole reply. */
export const failingProgram: fc.Arbitrary<string> = failing.map(
  (fn) => `local s1, m, t = 's', {}, {}\nlocal g = ${fn}\nreturn g()`,
);
