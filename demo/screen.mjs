// @ts-check
const colours = process.stdout.isTTY;
/** @param {string} code @param {string} text */
const paint = (code, text) => (colours ? `\u001B[${code}m${text}\u001B[0m` : text);

/** @param {string} text */
export const say = (text) => console.log(paint('1', text));

/** @param {string} text */
export const note = (text) => console.log(paint('2', text));

/** @param {number} number @param {string} title */
export const chapter = (number, title) => console.log(`\n${paint('1;36', `${number}. ${title}`)}`);

/**
 * One line: what was done, and what came of it.
 * @param {string} what @param {unknown} result
 */
export const show = (what, result) => console.log(`   ${what.padEnd(52)} ${paint('32', plain(result))}`);

/** @param {unknown} value */
const plain = (value) => (typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value)));
