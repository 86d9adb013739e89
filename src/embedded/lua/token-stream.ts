import type { Lexer, Token } from './lexer.js';

const MAX_DEPTH = 200;

/** The tokens of a chunk as a parser takes them: one at a time, with a look at the one after. */
export class TokenStream {
  readonly #lexer: Lexer;
  #ahead: Token | undefined;
  #depth = 0;
  protected token: Token;

  constructor(lexer: Lexer) {
    this.#lexer = lexer;
    this.token = lexer.next();
  }

  protected advance(): Token {
    const token = this.token;
    this.token = this.#ahead ?? this.#lexer.next();
    this.#ahead = undefined;
    return token;
  }

  protected peek(): Token {
    this.#ahead ??= this.#lexer.next();
    return this.#ahead;
  }

  protected is(text: string): boolean {
    return this.token.text === text && (this.token.kind === 'symbol' || this.token.kind === 'keyword');
  }

  protected accept(text: string): boolean {
    if (!this.is(text)) return false;
    this.advance();
    return true;
  }

  protected expect(text: string): void {
    if (!this.accept(text)) this.fail(`'${text}' expected`);
  }

  protected name(): string {
    if (this.token.kind !== 'name') this.fail('<name> expected');
    return this.advance().text;
  }

  protected fail(problem: string): never {
    return this.#lexer.fail(problem, this.token.text, this.token.line);
  }

  /** Parses a part one level deeper; bounds the stack. */
  protected nested<T>(parsePart: () => T): T {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) this.fail('chunk has too many syntax levels');
    const result = parsePart();
    this.#depth -= 1;
    return result;
  }
}
