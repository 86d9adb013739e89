import { readFileSync, readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

/**
 * Code blocks of README.md and docs/*.md. What the fence of a `ts` block says beyond the language:
 *
 * - nothing: a whole program, type-checked only
 * - `run`: also run on the embedded engine, with REDIS_URL set; `run server`: on a real server too
 * - `continues`: the blocks before it, up to the last one without this word, come first
 *
 * A `text` block directly after one that runs is what it must print.
 */
export interface CodeBlock {
  /** Such as `README.md:41`: the line of the first line of code. */
  readonly place: string;
  readonly document: string;
  readonly line: number;
  readonly words: ReadonlySet<string>;
  readonly code: string;
  /** The blocks that come before it in its program, in order. */
  readonly before: readonly CodeBlock[];
  readonly output: string | undefined;
}

const root = resolve(import.meta.dirname, '../..');

/** README.md and the pages of docs/, as paths from the root of the project. */
export function documents(): readonly string[] {
  const pages = readdirSync(root).includes('docs') ? readdirSync(join(root, 'docs')) : [];
  const all = ['README.md', ...pages.filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)];
  return all.filter((name) => name !== 'README.md' || readdirSync(root).includes('README.md'));
}

/** The TypeScript blocks of a document. */
export function codeBlocksOf(document: string): CodeBlock[] {
  const fences = fencesIn(readFileSync(join(root, document), 'utf8'));
  const blocks: CodeBlock[] = [];
  for (const [index, { info, line, code }] of fences.entries()) {
    const [language, ...words] = info.split(/\s+/);
    if (language !== 'ts' && language !== 'typescript') continue;
    const next = fences[index + 1];
    const previous = blocks.at(-1);
    const continues = words.includes('continues') && previous !== undefined;
    blocks.push({
      place: `${document}:${line}`,
      document,
      line,
      words: new Set(words),
      code,
      before: continues ? [...previous.before, previous] : [],
      output: next?.info === 'text' && next.follows ? next.code : undefined,
    });
  }
  return blocks;
}

/** A name for the block's file that says where it is from. */
export function fileNameOf({ document, line }: CodeBlock): string {
  return `${basename(document, '.md').toLowerCase()}-${line}`;
}

interface Fence {
  readonly info: string;
  readonly line: number;
  readonly code: string;
  /** Nothing but blank lines stands between it and the fence before. */
  readonly follows: boolean;
}

function fencesIn(markdown: string): Fence[] {
  const fences: Fence[] = [];
  const lines = markdown.split('\n');
  let follows = false;
  for (let at = 0; at < lines.length; at++) {
    const open = /^(\s*)(`{3,})\s*(.*)$/.exec(lines[at] as string);
    if (open === null) {
      follows &&= lines[at]?.trim() === '';
      continue;
    }
    const [, indent = '', ticks = '', info = ''] = open;
    const end = lines.findIndex((line, index) => index > at && line.trim() === ticks);
    if (end < 0) throw new Error(`A code block that starts at line ${at + 1} has no end`);
    const code = lines.slice(at + 1, end).map((line) => line.replace(indent, ''));
    fences.push({ info: info.trim(), line: at + 2, code: code.join('\n'), follows });
    follows = true;
    at = end;
  }
  return fences;
}
