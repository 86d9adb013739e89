import type { Capture, Expression, Variable } from './ast.js';

/** The names of one function while it is parsed: its blocks' locals, and what it captures from outside. */
export class FunctionScope {
  readonly isVararg: boolean;
  readonly captures: Capture[] = [];
  readonly #outer: FunctionScope | undefined;
  readonly #captureNames: Variable[] = [];
  readonly #visible: Variable[] = [];
  #slots = 0;

  constructor(outer: FunctionScope | undefined, isVararg: boolean) {
    this.#outer = outer;
    this.isVararg = isVararg;
  }

  get slots(): number {
    return this.#slots;
  }

  /** Makes a variable that becomes visible with `show`: the values of `local x = x` still see the outer one. */
  declare(name: string, pending = 0): Variable {
    const slot = this.#visible.length + pending;
    this.#slots = Math.max(this.#slots, slot + 1);
    return { name, slot, captured: false };
  }

  show(variable: Variable): void {
    this.#visible.push(variable);
  }

  /** The mark to give to `leave` at the end of a block. */
  enter(): number {
    return this.#visible.length;
  }

  leave(mark: number): void {
    this.#visible.length = mark;
  }

  resolve(name: string, line: number): Expression {
    const variable = this.#local(name);
    if (variable !== undefined) return { type: 'local', variable };
    const index = this.#upvalue(name);
    return index === -1 ? { type: 'global', name, line } : { type: 'upvalue', index, name };
  }

  #local(name: string): Variable | undefined {
    return this.#visible.findLast((variable) => variable.name === name);
  }

  #upvalue(name: string): number {
    const outer = this.#outer;
    if (outer === undefined) return -1;
    const variable = outer.#local(name);
    if (variable !== undefined) {
      variable.captured = true;
      return this.#capture(variable, { from: 'local', slot: variable.slot });
    }
    const index = outer.#upvalue(name);
    if (index === -1) return -1;
    return this.#capture(outer.#captureNames[index] as Variable, { from: 'upvalue', index });
  }

  #capture(variable: Variable, capture: Capture): number {
    const known = this.#captureNames.indexOf(variable);
    if (known !== -1) return known;
    this.#captureNames.push(variable);
    return this.captures.push(capture) - 1;
  }
}
