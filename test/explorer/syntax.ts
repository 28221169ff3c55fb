/** The syntax tree of a module, as acorn gives it, and the few questions that the rewriter asks of it. */
import { type AnyNode, type Program, parse } from 'acorn';

export type Node = AnyNode;

/** @throws SyntaxError with the position, for what is no module */
export function parseModule(source: string): Program {
  return parse(source, { ecmaVersion: 2023, sourceType: 'module' });
}

/** The nodes directly below, in the order of the source. */
export function childrenOf(node: Node): Node[] {
  const children: Node[] = [];
  for (const [name, value] of Object.entries(node)) {
    // `{ words }` has one text for its key and its value
    if (name === 'key' && node.type === 'Property' && node.shorthand) continue;
    for (const item of Array.isArray(value) ? value : [value]) if (isNode(item)) children.push(item);
  }
  return children.sort((a, b) => a.start - b.start);
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}

export function isFunction(node: Node): boolean {
  return (
    node.type === 'FunctionDeclaration' || node.type === 'FunctionExpression' || node.type === 'ArrowFunctionExpression'
  );
}

/** `object[index]`, other than by a literal string. */
export function isElement(node: Node): boolean {
  return node.type === 'MemberExpression' && node.computed;
}

/** `f` of `f(..)`, `x.f(..)` and `x.#f(..)`; private names keep their `#`. */
export function calleeName(callee: Node): string | undefined {
  if (callee.type === 'Identifier') return callee.name;
  if (callee.type === 'MemberExpression' && !callee.computed) return keyName(callee.property);
  return undefined;
}

export function keyName(key: Node): string | undefined {
  if (key.type === 'Identifier') return key.name;
  if (key.type === 'PrivateIdentifier') return `#${key.name}`;
  return undefined;
}

/** `Atomics.load` is 'load'. */
export function atomicsMethod(callee: Node): string | undefined {
  if (callee.type !== 'MemberExpression' || callee.object.type !== 'Identifier') return undefined;
  return callee.object.name === 'Atomics' ? keyName(callee.property) : undefined;
}

/** Objects of the language, whose methods never suspend. */
const BUILT_IN = new Set(['Math', 'Number', 'Object', 'Array', 'Buffer', 'String', 'JSON', 'Date', 'process']);

export function isBuiltInCall(callee: Node): boolean {
  if (callee.type === 'Super') return true;
  if (callee.type === 'Identifier') return callee.name === 'Number' || callee.name === 'String';
  return callee.type === 'MemberExpression' && callee.object.type === 'Identifier' && BUILT_IN.has(callee.object.name);
}
