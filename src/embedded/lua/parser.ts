import type {
  BinaryOperator,
  CallExpression,
  Expression,
  FunctionBody,
  IfClause,
  Statement,
  TableField,
  Variable,
} from './ast.js';
import { Lexer } from './lexer.js';
import { FunctionScope } from './scope.js';
import { TokenStream } from './token-stream.js';

/** Left and right binding powers of the binary operators; a right-associative one binds weaker on its right. */
const POWERS: Readonly<Record<string, readonly [number, number]>> = {
  or: [1, 1],
  and: [2, 2],
  '<': [3, 3],
  '>': [3, 3],
  '<=': [3, 3],
  '>=': [3, 3],
  '~=': [3, 3],
  '==': [3, 3],
  '..': [5, 4],
  '+': [6, 6],
  '-': [6, 6],
  '*': [7, 7],
  '/': [7, 7],
  '%': [7, 7],
  '^': [10, 9],
};
const UNARY_POWER = 8;

/** Parses a chunk of Lua 5.1. @throws LuaError for a syntax error */
export function parse(source: string, chunk: string): FunctionBody {
  return new Parser(new Lexer(source, chunk)).chunk();
}

class Parser extends TokenStream {
  #scope = new FunctionScope(undefined, true);
  #loops = 0;

  chunk(): FunctionBody {
    const block = this.#block();
    if (this.token.kind !== 'end') this.fail("'<eof>' expected");
    return { parameters: [], isVararg: true, block, slots: this.#scope.slots, captures: [] };
  }

  // ── statements ──

  #block(): Statement[] {
    return this.nested(() => {
      const mark = this.#scope.enter();
      const statements = this.#statements();
      this.#scope.leave(mark);
      return statements;
    });
  }

  #statements(): Statement[] {
    const statements: Statement[] = [];
    while (!this.#endsBlock()) {
      const isLast = this.is('return') || this.is('break');
      statements.push(this.#statement());
      this.accept(';');
      if (isLast) break;
    }
    return statements;
  }

  #endsBlock(): boolean {
    return this.token.kind === 'end' || ['end', 'else', 'elseif', 'until'].some((word) => this.is(word));
  }

  #loopBlock(): Statement[] {
    this.#loops += 1;
    const block = this.#blockUntilEnd();
    this.#loops -= 1;
    return block;
  }

  #statement(): Statement {
    if (this.token.kind === 'keyword') {
      switch (this.token.text) {
        case 'local':
          return this.#local();
        case 'if':
          return this.#if();
        case 'while':
          return this.#while();
        case 'for':
          return this.#for();
        case 'repeat':
          return this.#repeat();
        case 'function':
          return this.#functionStatement();
        case 'return':
          return this.#return();
        case 'do':
          return this.#do();
        case 'break':
          return this.#break();
      }
    }
    return this.#callOrAssignment();
  }

  #break(): Statement {
    if (this.#loops === 0) this.fail('no loop to break');
    this.advance();
    return { type: 'break' };
  }

  #do(): Statement {
    this.advance();
    return { type: 'do', block: this.#blockUntilEnd() };
  }

  #blockUntilEnd(): Statement[] {
    const block = this.#block();
    this.expect('end');
    return block;
  }

  #return(): Statement {
    this.advance();
    const values = this.#endsBlock() || this.is(';') ? [] : this.#expressions();
    return { type: 'return', values };
  }

  #if(): Statement {
    const clauses: IfClause[] = [];
    do {
      this.advance();
      const condition = this.#expression();
      this.expect('then');
      clauses.push({ condition, block: this.#block() });
    } while (this.is('elseif'));
    const otherwise = this.accept('else') ? this.#block() : [];
    this.expect('end');
    return { type: 'if', clauses, otherwise };
  }

  #while(): Statement {
    this.advance();
    const condition = this.#expression();
    this.expect('do');
    return { type: 'while', condition, block: this.#loopBlock() };
  }

  #repeat(): Statement {
    this.advance();
    const mark = this.#scope.enter();
    this.#loops += 1;
    const block = this.nested(() => this.#statements());
    this.#loops -= 1;
    this.expect('until');
    const condition = this.#expression();
    this.#scope.leave(mark);
    return { type: 'repeat', block, condition };
  }

  #for(): Statement {
    const { line } = this.advance();
    const names = [this.name()];
    if (this.accept('=')) return this.#numericFor(names[0] as string, line);
    while (this.accept(',')) names.push(this.name());
    this.expect('in');
    const values = this.#expressions();
    const mark = this.#scope.enter();
    const variables = this.#declareAll(names);
    this.expect('do');
    const block = this.#loopBlock();
    this.#scope.leave(mark);
    return { type: 'generic-for', variables, values, block, line };
  }

  #numericFor(name: string, line: number): Statement {
    const start = this.#expression();
    this.expect(',');
    const limit = this.#expression();
    const step: Expression = this.accept(',') ? this.#expression() : { type: 'constant', value: 1 };
    const mark = this.#scope.enter();
    const [variable] = this.#declareAll([name]) as [Variable];
    this.expect('do');
    const block = this.#loopBlock();
    this.#scope.leave(mark);
    return { type: 'numeric-for', variable, range: [start, limit, step], block, line };
  }

  #declareAll(names: readonly string[]): Variable[] {
    const variables = names.map((name, index) => this.#scope.declare(name, index));
    for (const variable of variables) this.#scope.show(variable);
    return variables;
  }

  #local(): Statement {
    this.advance();
    if (this.accept('function')) {
      const [variable] = this.#declareAll([this.name()]) as [Variable];
      return { type: 'local-function', variable, body: this.#functionBody(false) };
    }
    const names = [this.name()];
    while (this.accept(',')) names.push(this.name());
    const values = this.accept('=') ? this.#expressions() : [];
    return { type: 'local', variables: this.#declareAll(names), values };
  }

  #functionStatement(): Statement {
    const { line } = this.advance();
    let target = this.#scope.resolve(this.name(), line);
    let isMethod = false;
    while (!isMethod && (this.is('.') || this.is(':'))) {
      isMethod = this.advance().text === ':';
      target = { type: 'index', object: target, key: { type: 'constant', value: this.name() }, line };
    }
    const body = this.#functionBody(isMethod);
    return { type: 'assign', targets: [target], values: [{ type: 'function', body }] };
  }

  #callOrAssignment(): Statement {
    const expression = this.#suffixed();
    if (!this.is('=') && !this.is(',')) {
      if (expression.type !== 'call') this.fail("'=' expected");
      return { type: 'call', call: expression };
    }
    const targets = [expression];
    while (this.accept(',')) targets.push(this.#suffixed());
    if (targets.some((target) => !['local', 'upvalue', 'global', 'index'].includes(target.type))) {
      this.fail('syntax error');
    }
    this.expect('=');
    return { type: 'assign', targets, values: this.#expressions() };
  }

  // ── expressions ──

  #expressions(): Expression[] {
    const list = [this.#expression()];
    while (this.accept(',')) list.push(this.#expression());
    return list;
  }

  #expression(limit = 0): Expression {
    return this.nested(() => {
      let left = this.#unary();
      for (;;) {
        const powers =
          this.token.kind === 'symbol' || this.token.kind === 'keyword' ? POWERS[this.token.text] : undefined;
        if (powers === undefined || powers[0] <= limit) return left;
        const { text, line } = this.advance();
        const right = this.#expression(powers[1]);
        if (text === 'and' || text === 'or') left = { type: text, left, right };
        else left = { type: 'binary', operator: text as BinaryOperator, left, right, line };
      }
    });
  }

  #unary(): Expression {
    const { line } = this.token;
    for (const operator of ['-', 'not', '#'] as const) {
      if (!this.accept(operator)) continue;
      const operand = this.#expression(UNARY_POWER);
      if (operator === '-' && operand.type === 'constant' && typeof operand.value === 'number') {
        return { type: 'constant', value: -operand.value };
      }
      return { type: 'unary', operator, operand, line };
    }
    return this.#primary();
  }

  #primary(): Expression {
    const token = this.token;
    switch (token.kind) {
      case 'number':
        return { type: 'constant', value: this.advance().number };
      case 'string':
        return { type: 'constant', value: this.advance().text };
      case 'keyword':
        if (token.text === 'nil') return this.#constant(undefined);
        if (token.text === 'true') return this.#constant(true);
        if (token.text === 'false') return this.#constant(false);
        if (token.text === 'function') {
          this.advance();
          return { type: 'function', body: this.#functionBody(false) };
        }
        break;
      case 'symbol':
        if (token.text === '{') return this.#table();
        if (token.text === '...') {
          if (!this.#scope.isVararg) this.fail("cannot use '...' outside a vararg function");
          this.advance();
          return { type: 'vararg' };
        }
        break;
      case 'name':
      case 'end':
        break;
    }
    return this.#suffixed();
  }

  #constant(value: undefined | boolean): Expression {
    this.advance();
    return { type: 'constant', value };
  }

  #suffixed(): Expression {
    let expression = this.#prefix();
    for (;;) {
      const { line } = this.token;
      if (this.accept('.')) {
        expression = { type: 'index', object: expression, key: { type: 'constant', value: this.name() }, line };
      } else if (this.accept('[')) {
        expression = { type: 'index', object: expression, key: this.#expression(), line };
        this.expect(']');
      } else if (this.accept(':')) {
        expression = this.#call(expression, this.name());
      } else if (this.is('(') || this.is('{') || this.token.kind === 'string') {
        expression = this.#call(expression, undefined);
      } else {
        return expression;
      }
    }
  }

  #prefix(): Expression {
    const { line } = this.token;
    if (this.accept('(')) {
      const inner = this.#expression();
      this.expect(')');
      return { type: 'single', inner };
    }
    if (this.token.kind !== 'name') this.fail('unexpected symbol');
    return this.#scope.resolve(this.advance().text, line);
  }

  #call(callee: Expression, method: string | undefined): CallExpression {
    const { line } = this.token;
    if (this.token.kind === 'string') {
      return { type: 'call', callee, method, args: [{ type: 'constant', value: this.advance().text }], line };
    }
    if (this.is('{')) return { type: 'call', callee, method, args: [this.#table()], line };
    this.expect('(');
    const args = this.is(')') ? [] : this.#expressions();
    this.expect(')');
    return { type: 'call', callee, method, args, line };
  }

  #table(): Expression {
    const { line } = this.advance();
    const items: Expression[] = [];
    const fields: TableField[] = [];
    while (!this.is('}')) {
      if (this.accept('[')) {
        const key = this.#expression();
        this.expect(']');
        this.expect('=');
        fields.push({ key, value: this.#expression() });
      } else if (this.token.kind === 'name' && this.peek().text === '=' && this.peek().kind === 'symbol') {
        const key: Expression = { type: 'constant', value: this.name() };
        this.advance();
        fields.push({ key, value: this.#expression() });
      } else {
        items.push(this.#expression());
      }
      if (!this.accept(',') && !this.accept(';')) break;
    }
    this.expect('}');
    return { type: 'table', items, fields, line };
  }

  #functionBody(isMethod: boolean): FunctionBody {
    this.expect('(');
    const names = isMethod ? ['self'] : [];
    let isVararg = false;
    while (!this.is(')')) {
      isVararg = this.accept('...');
      if (isVararg) break;
      names.push(this.name());
      if (!this.accept(',')) break;
    }
    this.expect(')');
    const [outer, loops] = [this.#scope, this.#loops];
    const scope = new FunctionScope(outer, isVararg);
    this.#scope = scope;
    this.#loops = 0;
    const parameters = this.#declareAll(names);
    const block = this.#blockUntilEnd();
    this.#scope = outer;
    this.#loops = loops;
    return { parameters, isVararg, block, slots: scope.slots, captures: scope.captures };
  }
}
