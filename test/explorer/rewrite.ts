/**
 * Rewrites a compiled module so that it can be suspended at every step on shared memory: functions that touch any become
 * generators, their callers run them with `yield*`, and each element access or `Atomics` step asks the machine (`$m`) first
 * whether another thread may go ahead of it:
 *
 *   words[i]                 ($0 = words, $1 = i, $m.stops($0, $1) && (yield), $m.read($0, $1))
 *   words[i] += n            the same with a read, then a write: two steps, as in the processor
 *   Atomics.store(w, i, v)   ($0 = w, $1 = i, $2 = v, $m.stops($0, $1) && (yield), $m.store($0, $1, $2))
 *   this.#drain(reader)      ($0 = this.#drain(reader), $0 instanceof $G ? yield* $0 : $0)
 *
 * The text between is kept as it is. Modules become function bodies: imports are asked for by `$i`, exports put into `$x`.
 */
import type { ImportDeclaration, Program } from 'acorn';
import { BULK, type Suspending, suspends } from './suspending.js';
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

/** The body of a `function ($m, $G, $i, $x)`. @throws Error for syntax that it cannot suspend */
export function rewriteModule(source: string, program: Program, suspending: Suspending): string {
  return new Rewriter(source, suspending).module(program);
}

/** The function that the text under way stands in. */
interface Scope {
  /** Whether it may `yield`. */
  readonly suspends: boolean;
  temporaries: number;
}

class Rewriter {
  readonly #source: string;
  readonly #suspending: Suspending;
  #scope: Scope = { suspends: false, temporaries: 0 };
  readonly #exports: string[] = [];
  readonly #targets = new Set<Node>();

  constructor(source: string, suspending: Suspending) {
    this.#source = source;
    this.#suspending = suspending;
  }

  module(program: Program): string {
    const body = this.#join(program, program.body as Node[]);
    return `'use strict';\n${body}\n${this.#exports.map((name) => `$x.${name} = ${name};`).join('\n')}\n`;
  }

  /** The node's text with these parts of it rewritten. */
  #join(node: Node, parts: readonly Node[]): string {
    let text = '';
    let from = node.start;
    for (const part of parts) {
      text += this.#source.slice(from, part.start) + this.#text(part);
      from = part.end;
    }
    return text + this.#source.slice(from, node.end);
  }

  #text(node: Node): string {
    if (node.type === 'ImportDeclaration') return importText(node);
    if (node.type === 'ExportNamedDeclaration' || node.type === 'ExportDefaultDeclaration') return this.#export(node);
    if (node.type === 'MethodDefinition') return this.#method(node);
    if (node.type === 'Property' && (node.method || node.kind === 'get')) return this.#method(node);
    if (isFunction(node)) return this.#function(node);
    return this.#scope.suspends ? this.#step(node) : this.#plain(node);
  }

  #plain(node: Node): string {
    return this.#join(node, childrenOf(node));
  }

  #export(node: Node): string {
    if (node.type !== 'ExportNamedDeclaration' || node.source) throw new Error('only named exports can be rewritten');
    for (const { local } of node.specifiers) this.#exports.push(this.#source.slice(local.start, local.end));
    const { declaration } = node;
    if (!declaration) return '';
    const declared = declaration.type === 'VariableDeclaration' ? declaration.declarations : [declaration];
    for (const { id } of declared) this.#exports.push(keyName(id) ?? '');
    return this.#text(declaration);
  }

  /** A method or getter of a class or of an object in braces. */
  #method(node: Node & { type: 'MethodDefinition' | 'Property' }): string {
    const isConstructor = node.kind === 'constructor';
    const suspended = isConstructor
      ? this.#suspending.calls.has(`new ${this.#className(node)}`)
      : this.#suspends(node.value);
    if (!suspended) return this.#plain(node);
    const name = this.#source.slice(node.key.start, node.key.end);
    if (node.kind === 'get') return `get ${name}() { return (${this.#generator(node.value)}).call(this); }`;
    if (node.kind === 'set') throw new Error(`a setter that has to be suspended: ${name}`);
    return `*${isConstructor ? '$construct' : name}${this.#generator(node.value).replace(/^function\* /, '')}`;
  }

  #className(member: Node): string {
    const before = this.#source.slice(0, member.start);
    return [...before.matchAll(/^(?:export )?class (\w+)/gm)].at(-1)?.[1] ?? '';
  }

  #suspends(fn: Node): boolean {
    return suspends(fn, this.#suspending);
  }

  /** A function as an expression or a declaration. */
  #function(node: Node): string {
    if (!this.#suspends(node)) return this.#within(false, () => this.#plain(node));
    if (node.type === 'FunctionDeclaration') return this.#generator(node, node.id?.name);
    return `(${this.#generator(node)}).bind(this)`;
  }

  #generator(node: Node, name = ''): string {
    const fn = node as Node & { params: Node[]; body: Node };
    const params = fn.params.map((param) => this.#within(false, () => this.#text(param))).join(', ');
    const body = this.#within(true, () => {
      if (fn.body.type !== 'BlockStatement') return `{${this.#temporaries(`return ${this.#text(fn.body)};`)}}`;
      const text = this.#text(fn.body).slice(1);
      return `{${this.#temporaries(text)}`;
    });
    return `function* ${name}(${params}) ${body}`;
  }

  #temporaries(text: string): string {
    const names = Array.from({ length: this.#scope.temporaries }, (_, index) => `$${index}`);
    return names.length === 0 ? ` ${text}` : ` let ${names.join(', ')}; ${text}`;
  }

  #within<Result>(suspending: boolean, work: () => Result): Result {
    const outer = this.#scope;
    this.#scope = { suspends: suspending, temporaries: 0 };
    const result = work();
    this.#scope = outer;
    return result;
  }

  #temporary(): string {
    return `$${this.#scope.temporaries++}`;
  }

  /** Code of a function that may be suspended. */
  #step(node: Node): string {
    if (node.type === 'CallExpression') return this.#call(node);
    if (node.type === 'ChainExpression') return this.#run(this.#link(node.expression));
    if (node.type === 'NewExpression') return this.#construct(node);
    if (node.type === 'AwaitExpression') return `(${this.#run(this.#text(node.argument))})`;
    if (node.type === 'AssignmentExpression' && isElement(node.left)) return this.#assign(node);
    if (node.type === 'UpdateExpression' && isElement(node.argument)) return this.#update(node);
    // what is assigned to is not read, whatever it is called
    if (node.type === 'AssignmentExpression') this.#targets.add(node.left);
    if (node.type === 'MemberExpression') return this.#member(node);
    return this.#plain(node);
  }

  /** Runs what a call returned to its end, if it can be suspended. */
  #run(text: string): string {
    const result = this.#temporary();
    return `(${result} = ${text}, ${result} instanceof $G ? (yield* ${result}) : ${result})`;
  }

  /** A link of an optional chain, which has to stay in one piece: the step comes after the last of them. */
  #link(node: Node): string {
    if (node.type === 'CallExpression') {
      const callee = this.#link(node.callee);
      return callee + this.#source.slice(node.callee.end, node.end).match(/^\s*(?:\?\.)?/)?.[0] + this.#arguments(node);
    }
    if (node.type !== 'MemberExpression' || node.computed) return this.#text(node);
    return this.#link(node.object) + this.#source.slice(node.object.end, node.end);
  }

  #arguments(node: Node & { arguments: Node[] }): string {
    return `(${node.arguments.map((argument) => this.#text(argument)).join(', ')})`;
  }

  #call(node: Node & { type: 'CallExpression' }): string {
    const method = atomicsMethod(node.callee);
    if (method !== undefined) return this.#atomic(method, node.arguments as Node[]);
    if (isBuiltInCall(node.callee)) return this.#plain(node);
    const { callee } = node;
    const name = calleeName(callee);
    if (name === undefined)
      throw new Error(`a call that cannot be suspended: ${this.#source.slice(node.start, node.end)}`);
    if (callee.type !== 'MemberExpression') return this.#run(name + this.#arguments(node as never));
    const object = this.#text(callee.object);
    if (BULK.has(name)) return this.#run(`$m.${name}(${object}, ${this.#arguments(node as never).slice(1)}`);
    return this.#run(object + this.#source.slice(callee.object.end, callee.end) + this.#arguments(node as never));
  }

  #construct(node: Node & { type: 'NewExpression' }): string {
    const name = calleeName(node.callee);
    if (!this.#suspending.calls.has(`new ${name}`)) return this.#plain(node);
    const made = this.#temporary();
    return `(${made} = new ${name}(), yield* ${made}.$construct${this.#arguments(node as never)}, ${made})`;
  }

  #atomic(method: string, args: readonly Node[]): string {
    const names = args.map(() => this.#temporary());
    const given = args.map((argument, index) => `${names[index]} = ${this.#text(argument)}`).join(', ');
    const step = `$m.${method}(${names.join(', ')})`;
    const waits = method === 'wait' ? `(yield* ${step})` : step;
    return `(${given}, ${stop(names[0], names[1])}, ${waits})`;
  }

  /** Evaluates `object[index]` into two temporaries. */
  #place(node: Node): { readonly array: string; readonly index: string; readonly text: string } {
    if (node.type !== 'MemberExpression') throw new Error('an element was expected');
    const array = this.#temporary();
    const index = this.#temporary();
    return { array, index, text: `${array} = ${this.#text(node.object)}, ${index} = ${this.#text(node.property)}` };
  }

  #member(node: Node & { type: 'MemberExpression' }): string {
    if (isElement(node)) {
      const { array, index, text } = this.#place(node);
      return `(${text}, ${stop(array, index)}, $m.read(${array}, ${index}))`;
    }
    const whole = this.#text(node.object) + this.#source.slice(node.object.end, node.end);
    if (this.#targets.has(node)) return whole;
    return this.#suspending.getters.has(keyName(node.property) ?? '') ? this.#run(whole) : whole;
  }

  #assign(node: Node & { type: 'AssignmentExpression' }): string {
    const { array, index, text } = this.#place(node.left);
    const value = this.#temporary();
    const right = this.#text(node.right);
    const write = `${stop(array, index)}, $m.write(${array}, ${index}, ${value})`;
    if (node.operator === '=') return `(${text}, ${value} = ${right}, ${write})`;
    const operator = node.operator.slice(0, -1);
    if (['&&', '||', '??'].includes(operator)) throw new Error('a logical assignment to an element');
    const read = `${stop(array, index)}, ${value} = $m.read(${array}, ${index})`;
    return `(${text}, ${read}, ${value} = ${value} ${operator} (${right}), ${write})`;
  }

  #update(node: Node & { type: 'UpdateExpression' }): string {
    const { array, index, text } = this.#place(node.argument);
    const value = this.#temporary();
    const read = `${stop(array, index)}, ${value} = $m.read(${array}, ${index})`;
    const write = `${stop(array, index)}, $m.write(${array}, ${index}, ${value} ${node.operator[0]} 1)`;
    return `(${text}, ${read}, ${write}, ${node.prefix ? `${value} ${node.operator[0]} 1` : value})`;
  }
}

const stop = (array: string, index: string): string => `$m.stops(${array}, ${index}) && (yield)`;

function importText(node: ImportDeclaration): string {
  const names = node.specifiers.map((specifier) => {
    if (specifier.type === 'ImportNamespaceSpecifier') throw new Error('a namespace import');
    const imported = specifier.type === 'ImportSpecifier' ? keyName(specifier.imported) : 'default';
    return `${imported}: ${specifier.local.name}`;
  });
  return `const { ${names.join(', ')} } = $i(${JSON.stringify(node.source.value)});`;
}
