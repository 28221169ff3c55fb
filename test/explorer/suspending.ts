/**
 * Which functions of a set of modules can be suspended: those that touch an element of an array or an `Atomics` step, call
 * one that does, or call what they were given. They are known by name, so that a call needs no types: a plain function that
 * shares the name of a suspending one costs a look at what it returned, nothing else.
 */
import type { Program } from 'acorn';
import {
  atomicsMethod,
  calleeName,
  childrenOf,
  isBuiltInCall,
  isElement,
  isFunction,
  keyName,
  type Node,
} from './syntax.js';

export interface Suspending {
  /** Functions and methods, private ones with their `#`; a class whose constructor suspends as `new Name`. */
  readonly calls: ReadonlySet<string>;
  readonly getters: ReadonlySet<string>;
}

interface Definition {
  readonly name: string;
  readonly isGetter: boolean;
  readonly body: Node;
}

/** Bulk steps that the machine does word by word. */
export const BULK = new Set(['fill']);

/** `known`: functions from outside the modules that suspend. */
export function findSuspending(programs: readonly Program[], known: readonly string[]): Suspending {
  const definitions = programs.flatMap((program) => definitionsIn(program));
  const calls = new Set(known);
  const getters = new Set<string>();
  for (let grown = true; grown; ) {
    grown = false;
    for (const { name, isGetter, body } of definitions) {
      const found = isGetter ? getters : calls;
      if (found.has(name) || !suspends(body, { calls, getters })) continue;
      found.add(name);
      grown = true;
    }
  }
  return { calls, getters };
}

/** Whether this function can be suspended itself; functions within it count for themselves. */
export function suspends(fn: Node, suspending: Suspending): boolean {
  const given = new Set(parametersOf(fn));
  const look = (node: Node): boolean => {
    if (isStep(node, suspending, given)) return true;
    return childrenOf(node).some((child) => !isFunction(child) && look(child));
  };
  return look(fn);
}

function isStep(node: Node, { calls, getters }: Suspending, given: ReadonlySet<string>): boolean {
  if (isElement(node)) return true;
  if (node.type === 'NewExpression') return calls.has(`new ${calleeName(node.callee)}`);
  if (node.type === 'MemberExpression') return getters.has(keyName(node.property) ?? '');
  if (node.type !== 'CallExpression' || isBuiltInCall(node.callee)) return false;
  if (atomicsMethod(node.callee) !== undefined) return true;
  const name = calleeName(node.callee);
  if (name === undefined) return false;
  return calls.has(name) || BULK.has(name) || (node.callee.type === 'Identifier' && given.has(name));
}

function parametersOf(fn: Node): string[] {
  const params = 'params' in fn ? (fn.params as Node[]) : [];
  return params.flatMap((param) => (param.type === 'Identifier' ? [param.name] : []));
}

function definitionsIn(node: Node, className = ''): Definition[] {
  const within = node.type === 'ClassDeclaration' ? (node.id?.name ?? '') : className;
  const own = definitionOf(node, within);
  const below = childrenOf(node).flatMap((child) => definitionsIn(child, within));
  return own === undefined ? below : [own, ...below];
}

function definitionOf(node: Node, className: string): Definition | undefined {
  if (node.type === 'FunctionDeclaration') return { name: node.id?.name ?? '', isGetter: false, body: node };
  if (node.type === 'VariableDeclarator' && node.init && isFunction(node.init)) {
    return { name: keyName(node.id) ?? '', isGetter: false, body: node.init };
  }
  if (node.type === 'MethodDefinition') {
    const name = node.kind === 'constructor' ? `new ${className}` : (keyName(node.key) ?? '');
    return { name, isGetter: node.kind === 'get', body: node.value };
  }
  if (node.type === 'Property' && isFunction(node.value)) {
    return { name: keyName(node.key) ?? '', isGetter: node.kind === 'get', body: node.value };
  }
  return undefined;
}
