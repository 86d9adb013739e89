/** The syntax tree, with every name already resolved to a local slot, an upvalue or a global. */

/** A local variable. `captured` once an inner function uses it: it then lives in a cell of its own. */
export interface Variable {
  readonly name: string;
  readonly slot: number;
  captured: boolean;
}

/** Where a function takes an upvalue from when it is created: a local of the enclosing function, or its upvalue. */
export type Capture =
  | { readonly from: 'local'; readonly slot: number }
  | { readonly from: 'upvalue'; readonly index: number };

export interface FunctionBody {
  readonly parameters: readonly Variable[];
  readonly isVararg: boolean;
  readonly block: readonly Statement[];
  readonly slots: number;
  readonly captures: readonly Capture[];
}

export type BinaryOperator = '+' | '-' | '*' | '/' | '%' | '^' | '..' | '==' | '~=' | '<' | '<=' | '>' | '>=';
export type UnaryOperator = '-' | 'not' | '#';

export type Expression =
  | { readonly type: 'constant'; readonly value: undefined | boolean | number | string }
  | { readonly type: 'vararg' }
  | { readonly type: 'function'; readonly body: FunctionBody }
  | { readonly type: 'local'; readonly variable: Variable }
  | { readonly type: 'upvalue'; readonly index: number; readonly name: string }
  | { readonly type: 'global'; readonly name: string; readonly line: number }
  | { readonly type: 'index'; readonly object: Expression; readonly key: Expression; readonly line: number }
  | CallExpression
  | {
      readonly type: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
      readonly line: number;
    }
  | { readonly type: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly type: 'unary'; readonly operator: UnaryOperator; readonly operand: Expression; readonly line: number }
  | {
      readonly type: 'table';
      readonly items: readonly Expression[];
      readonly fields: readonly TableField[];
      readonly line: number;
    }
  /** Parentheses around a call or `...`: only the first value passes. */
  | { readonly type: 'single'; readonly inner: Expression };

export interface CallExpression {
  readonly type: 'call';
  readonly callee: Expression;
  /** `object:method(…)`: the callee is the object. */
  readonly method: string | undefined;
  readonly args: readonly Expression[];
  readonly line: number;
}

export interface TableField {
  readonly key: Expression;
  readonly value: Expression;
}

export type Statement =
  | { readonly type: 'local'; readonly variables: readonly Variable[]; readonly values: readonly Expression[] }
  | { readonly type: 'local-function'; readonly variable: Variable; readonly body: FunctionBody }
  | { readonly type: 'assign'; readonly targets: readonly Expression[]; readonly values: readonly Expression[] }
  | { readonly type: 'call'; readonly call: CallExpression }
  | { readonly type: 'do'; readonly block: readonly Statement[] }
  | { readonly type: 'while'; readonly condition: Expression; readonly block: readonly Statement[] }
  | { readonly type: 'repeat'; readonly block: readonly Statement[]; readonly condition: Expression }
  | { readonly type: 'if'; readonly clauses: readonly IfClause[]; readonly otherwise: readonly Statement[] }
  | {
      readonly type: 'numeric-for';
      readonly variable: Variable;
      readonly range: readonly [Expression, Expression, Expression];
      readonly block: readonly Statement[];
      readonly line: number;
    }
  | {
      readonly type: 'generic-for';
      readonly variables: readonly Variable[];
      readonly values: readonly Expression[];
      readonly block: readonly Statement[];
      readonly line: number;
    }
  | { readonly type: 'return'; readonly values: readonly Expression[] }
  | { readonly type: 'break' };

export interface IfClause {
  readonly condition: Expression;
  readonly block: readonly Statement[];
}
