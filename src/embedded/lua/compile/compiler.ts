import type { CallExpression, Expression, FunctionBody, Statement } from '../ast.js';
import { first, LuaFault, type LuaFunction, LuaTable, type LuaValue } from '../value.js';
import * as access from './access.js';
import * as calls from './calls.js';
import {
  type Assign,
  BREAK,
  type Evaluate,
  type EvaluateList,
  type EvaluateMany,
  type Execute,
  type Machine,
  type OperandName,
} from './frame.js';
import * as loops from './loops.js';
import { binary, type Operand, type Site, unary } from './operators.js';

/** What a script finds outside itself. Globals never change, so they are looked up when the script is compiled. */
export interface Environment {
  readonly machine: Machine;
  readonly globals: LuaTable;
  /** Globals that differ from run to run: `KEYS` and `ARGV`. */
  readonly perRun: ReadonlyMap<string, () => LuaValue>;
  readonly strings: LuaTable;
}

/** Turns a syntax tree into closures, each of which runs one node of it. */
export function compile(chunk: FunctionBody, environment: Environment): LuaFunction {
  return new Compiler(environment).chunk(chunk);
}

class Compiler {
  readonly #environment: Environment;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  chunk(body: FunctionBody): LuaFunction {
    return calls.activate({ ...body, run: this.#block(body.block) }, []);
  }

  #site(line: number): Site & { strings: LuaTable } {
    return { machine: this.#environment.machine, line, strings: this.#environment.strings };
  }

  // ── statements ──

  #block(block: readonly Statement[]): Execute {
    const statements = block.map((statement) => this.#statement(statement));
    const [a, b] = statements as [Execute, Execute];
    if (statements.length === 0) return () => undefined;
    if (statements.length === 1) return a;
    if (statements.length === 2) return (frame) => a(frame) ?? b(frame);
    return (frame) => {
      for (const statement of statements) {
        const completion = statement(frame);
        if (completion !== undefined) return completion;
      }
      return undefined;
    };
  }

  #statement(statement: Statement): Execute {
    const { machine } = this.#environment;
    switch (statement.type) {
      case 'local':
        return this.#assignments(statement.variables.map(access.declareLocal), statement.values);
      case 'local-function':
        return this.#localFunction(statement);
      case 'assign':
        return this.#assign(statement);
      case 'call': {
        const call = this.#call(statement.call);
        return (frame) => {
          call(frame);
          return undefined;
        };
      }
      case 'do':
        return this.#block(statement.block);
      case 'while':
        return loops.whileLoop(this.#single(statement.condition), this.#block(statement.block), machine);
      case 'repeat':
        return loops.repeatLoop(this.#block(statement.block), this.#single(statement.condition), machine);
      case 'if':
        return this.#if(statement);
      case 'numeric-for': {
        const [start, limit, step] = statement.range;
        const range = [this.#single(start), this.#single(limit), this.#single(step)] as const;
        const loop = { declare: access.declareLocal(statement.variable), body: this.#block(statement.block) };
        return loops.numericFor(range, loop, this.#site(statement.line));
      }
      case 'generic-for': {
        const loop = { declare: statement.variables.map(access.declareLocal), body: this.#block(statement.block) };
        return loops.genericFor(this.#list(statement.values), loop, this.#site(statement.line));
      }
      case 'return':
        return this.#list(statement.values);
      case 'break':
        return () => BREAK;
    }
  }

  #localFunction({ variable, body }: Extract<Statement, { type: 'local-function' }>): Execute {
    const declare = access.declareLocal(variable);
    const assign = access.assignLocal(variable);
    const make = this.#function(body);
    return (frame) => {
      declare(frame, undefined);
      assign(frame, make(frame));
      return undefined;
    };
  }

  #if({ clauses, otherwise }: Extract<Statement, { type: 'if' }>): Execute {
    let next = this.#block(otherwise);
    for (const clause of clauses.toReversed()) {
      const condition = this.#single(clause.condition);
      const block = this.#block(clause.block);
      const otherwiseNext = next;
      next = (frame) => {
        const value = condition(frame);
        return value !== undefined && value !== false ? block(frame) : otherwiseNext(frame);
      };
    }
    return next;
  }

  #assignments(targets: readonly Assign[], values: readonly Expression[]): Execute {
    const [target] = targets as [Assign];
    if (targets.length === 1 && values.length === 1) {
      const value = this.#single(values[0] as Expression);
      return (frame) => {
        target(frame, value(frame));
        return undefined;
      };
    }
    const list = this.#list(values);
    return (frame) => {
      const results = list(frame);
      for (let index = 0; index < targets.length; index += 1) targets[index]?.(frame, results[index]);
      return undefined;
    };
  }

  #assign({ targets, values }: Extract<Statement, { type: 'assign' }>): Execute {
    const [target] = targets as [Expression];
    if (targets.length === 1 && target.type === 'index') return this.#assignIndex(target, values);
    if (!targets.some((candidate) => candidate.type === 'index')) {
      return this.#assignments(
        targets.map((candidate) => this.#variable(candidate)),
        values,
      );
    }
    // objects and keys are evaluated before the values, and values stored after all of them
    const prepare = targets.map((candidate) => this.#prepareTarget(candidate));
    const list = this.#list(values);
    return (frame) => {
      const stores = prepare.map((evaluate) => evaluate(frame));
      const results = list(frame);
      for (const [index, store] of stores.entries()) store(frame, results[index]);
      return undefined;
    };
  }

  #assignIndex(target: Extract<Expression, { type: 'index' }>, values: readonly Expression[]): Execute {
    const [object, key, list] = [this.#single(target.object), this.#single(target.key), this.#list(values)];
    const value = values.length === 1 ? this.#single(values[0] as Expression) : undefined;
    const site = this.#site(target.line);
    return (frame) => {
      const place = { object: object(frame), key: key(frame) };
      access.store(site, place, value === undefined ? list(frame)[0] : value(frame));
      return undefined;
    };
  }

  #prepareTarget(target: Expression): (frame: Parameters<Evaluate>[0]) => Assign {
    if (target.type !== 'index') {
      const assign = this.#variable(target);
      return () => assign;
    }
    const [object, key] = [this.#single(target.object), this.#single(target.key)];
    const site = this.#site(target.line);
    return (frame) => {
      const place = { object: object(frame), key: key(frame) };
      return (_frame, value) => access.store(site, place, value);
    };
  }

  #variable(target: Expression): Assign {
    if (target.type === 'local') return access.assignLocal(target.variable);
    if (target.type === 'upvalue') return access.assignUpvalue(target.index);
    const { machine } = this.#environment;
    return () => {
      if (target.type === 'global') machine.line = target.line;
      throw new LuaFault('Attempt to modify a readonly table');
    };
  }

  // ── expressions ──

  #operand(expression: Expression): Operand {
    return { evaluate: this.#single(expression), name: nameOf(expression) };
  }

  #list(expressions: readonly Expression[]): EvaluateList {
    const last = expressions.at(-1);
    if (last === undefined || (last.type !== 'call' && last.type !== 'vararg')) {
      return calls.list(
        expressions.map((expression) => this.#single(expression)),
        undefined,
      );
    }
    const singles = expressions.slice(0, -1).map((expression) => this.#single(expression));
    return calls.list(singles, last.type === 'call' ? this.#call(last) : (frame) => frame.varargs);
  }

  #single(expression: Expression): Evaluate {
    switch (expression.type) {
      case 'constant': {
        const { value } = expression;
        return () => value;
      }
      case 'vararg':
        return (frame) => frame.varargs[0];
      case 'function':
        return this.#function(expression.body);
      case 'local':
        return access.readLocal(expression.variable);
      case 'upvalue':
        return access.readUpvalue(expression.index);
      case 'global':
        return this.#global(expression);
      case 'index':
        return this.#index(expression);
      case 'call': {
        const call = this.#call(expression);
        return (frame) => first(call(frame));
      }
      case 'binary': {
        const operands = [this.#operand(expression.left), this.#operand(expression.right)] as const;
        return binary(expression.operator, operands, this.#site(expression.line));
      }
      case 'and':
      case 'or':
        return this.#logical(expression);
      case 'unary':
        return unary(expression.operator, this.#operand(expression.operand), this.#site(expression.line));
      case 'table':
        return this.#table(expression);
      case 'single':
        return this.#single(expression.inner);
    }
  }

  #logical({ type, left, right }: Extract<Expression, { type: 'and' | 'or' }>): Evaluate {
    const [a, b] = [this.#single(left), this.#single(right)];
    if (type === 'and') {
      return (frame) => {
        const value = a(frame);
        return value === undefined || value === false ? value : b(frame);
      };
    }
    return (frame) => {
      const value = a(frame);
      return value === undefined || value === false ? b(frame) : value;
    };
  }

  #global({ name, line }: Extract<Expression, { type: 'global' }>): Evaluate {
    const { globals, machine, perRun } = this.#environment;
    const current = perRun.get(name);
    if (current !== undefined) return current;
    const value = globals.get(name);
    if (value !== undefined) return () => value;
    return () => {
      machine.line = line;
      throw new LuaFault(`Script attempted to access nonexistent global variable '${name}'`);
    };
  }

  #index({ object, key, line }: Extract<Expression, { type: 'index' }>): Evaluate {
    const member = this.#libraryMember(object, key);
    if (member !== undefined) return () => member;
    return access.readIndex(this.#operand(object), this.#single(key), this.#site(line));
  }

  /** `redis.call` and the like never change, so they need no look-up while the script runs. */
  #libraryMember(object: Expression, key: Expression): LuaValue {
    if (object.type !== 'global' || key.type !== 'constant') return undefined;
    const library = this.#environment.globals.get(object.name);
    return library instanceof LuaTable && library.readonly ? library.get(key.value) : undefined;
  }

  #call({ callee, method, args, line }: CallExpression): EvaluateMany {
    const values = this.#list(args);
    const operand = this.#operand(callee);
    if (method === undefined) return calls.call(operand, values, this.#site(line));
    return calls.callMethod(operand, { method, args: values }, this.#site(line));
  }

  #table({ items, fields, line }: Extract<Expression, { type: 'table' }>): Evaluate {
    const list = this.#list(items);
    const pairs = fields.map(({ key, value }) => [this.#single(key), this.#single(value)] as const);
    const site = this.#site(line);
    return (frame) => {
      const values = list(frame);
      while (values.length > 0 && values[values.length - 1] === undefined) values.pop();
      const table = new LuaTable(values);
      for (const [key, value] of pairs) access.store(site, { object: table, key: key(frame) }, value(frame));
      return table;
    };
  }

  #function(body: FunctionBody): Evaluate {
    return calls.makeFunction({ ...body, run: this.#block(body.block) });
  }
}

/** What Lua calls an operand in its messages. */
function nameOf(expression: Expression): OperandName {
  switch (expression.type) {
    case 'local':
      return `local '${expression.variable.name}'`;
    case 'upvalue':
      return `upvalue '${expression.name}'`;
    case 'global':
      return `global '${expression.name}'`;
    case 'index':
      return expression.key.type === 'constant' && typeof expression.key.value === 'string'
        ? `field '${expression.key.value}'`
        : "field '?'";
    default:
      return undefined;
  }
}
