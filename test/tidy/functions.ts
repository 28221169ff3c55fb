/**
 * Finds function bodies in masked code, by matching brackets: declarations, methods and accessors (a parameter list,
 * perhaps a return type, then a brace) and arrow functions with a body in braces or parentheses.
 */
import { lineAt, type Masked } from './source-mask.js';

export interface FunctionSpan {
  /** Line of the parameter list or of the arrow, from 1. */
  readonly line: number;
  /** Lines from there to the closing bracket, both included. */
  readonly lines: number;
}

const CONTROL = new Set(['if', 'for', 'while', 'switch', 'catch', 'with', 'extends']);
const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };
const TYPE_PREFIXES = new Set(['asserts', 'is', 'keyof', 'typeof', 'readonly', 'unique', 'infer', 'new', 'extends']);

/** Every function of the source, outer and inner, in the order in which they begin. */
export function findFunctions({ source, code }: Masked): FunctionSpan[] {
  const spans: FunctionSpan[] = [];
  const add = (start: number, end: number): void => {
    const line = lineAt(source, start);
    spans.push({ line, lines: lineAt(source, end) - line + 1 });
  };
  for (let at = 0; at < code.length; at++) {
    if (code.startsWith('=>', at)) {
      const body = skipSpace(code, at + 2);
      if (code[body] === '{' || code[body] === '(') add(at, matching(code, body));
    } else if (code[at] === '(' && !CONTROL.has(headOf(code, at))) {
      const body = bodyAfter(code, matching(code, at) + 1);
      if (body !== undefined) add(at, matching(code, body));
    }
  }
  return spans;
}

/** The word before a parameter list; for `extends mixin(...)` the `extends`. */
function headOf(code: string, open: number): string {
  const before = code.slice(Math.max(0, open - 200), open);
  if (/\bextends\s+[\w$.]+\s*$/.test(before)) return 'extends';
  if (/\bfor\s+await\s*$/.test(before)) return 'for';
  return /([\w$]+)\s*$/.exec(before)?.[1] ?? '';
}

/** The offset of the body's brace behind a parameter list, or undefined where no body follows. */
function bodyAfter(code: string, from: number): number | undefined {
  const at = skipSpace(code, from);
  if (code[at] === '{') return at;
  return code[at] === ':' ? bodyAfterType(code, at + 1) : undefined;
}

/** Walks over a return type: a brace where a type may begin is a type, a brace behind a whole type is the body. */
function bodyAfterType(code: string, from: number): number | undefined {
  let wantsType = true;
  let at = skipSpace(code, from);
  while (at < code.length) {
    const char = code[at];
    const word = /^[\w$]+/.exec(code.slice(at, at + 100))?.[0];
    if (char === '{' && !wantsType) return at;
    if (word !== undefined) {
      if (!wantsType && !TYPE_PREFIXES.has(word)) return undefined;
      wantsType = TYPE_PREFIXES.has(word);
      at += word.length;
    } else if (code.startsWith('=>', at)) {
      wantsType = true;
      at += 2;
    } else if (char === '<') {
      at = matchingAngle(code, at) + 1;
    } else if (char in CLOSING) {
      at = matching(code, at) + 1;
      wantsType = false;
    } else if (char === "'" || char === '"' || char === '`') {
      at = code.indexOf(char, at + 1) + 1;
      wantsType = false;
    } else if ('|&.?:-'.includes(char)) {
      wantsType = true;
      at++;
    } else {
      return undefined;
    }
    at = skipSpace(code, at);
  }
  return undefined;
}

function matching(code: string, open: number): number {
  const pending: string[] = [];
  for (let at = open; at < code.length; at++) {
    const char = code[at];
    if (char in CLOSING) pending.push(CLOSING[char]);
    else if (char === pending.at(-1)) pending.pop();
    if (pending.length === 0) return at;
  }
  throw new Error(`line ${lineAt(code, open)}: '${code[open]}' is not closed`);
}

function matchingAngle(code: string, open: number): number {
  let depth = 0;
  for (let at = open; at < code.length; at++) {
    if (code[at] === '<') depth++;
    if (code[at] === '>' && code[at - 1] !== '=') depth--;
    if (depth === 0) return at;
  }
  return code.length;
}

function skipSpace(code: string, from: number): number {
  let at = from;
  while (at < code.length && /\s/.test(code[at])) at++;
  return at;
}
