/**
 * Blanks out what is not code: comments, the insides of strings and templates, and regular expressions become spaces,
 * so that braces and words in them count for nothing. Offsets and lines stay as they are.
 *
 * It is a scanner, not a parser: whether a slash divides or opens a regular expression is told by what stands before it.
 */

export interface Comment {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export interface Masked {
  readonly source: string;
  /** The source with comments, strings and regular expressions blanked; quotes stay. */
  readonly code: string;
  readonly comments: readonly Comment[];
}

/** Scans one TypeScript source. Throws where a string, template or comment is not closed. */
export function maskSource(source: string): Masked {
  return new Scanner(source).scan();
}

const REGEX_AFTER_WORD = new Set([
  'return',
  'typeof',
  'case',
  'in',
  'of',
  'delete',
  'void',
  'throw',
  'new',
  'else',
  'do',
  'await',
  'yield',
]);

class Scanner {
  readonly #source: string;
  readonly #code: string[];
  readonly #comments: Comment[] = [];
  /** One entry for each open template expression: the braces open within it. */
  readonly #templates: number[] = [];
  #at = 0;

  constructor(source: string) {
    this.#source = source;
    this.#code = source.split('');
  }

  scan(): Masked {
    const source = this.#source;
    while (this.#at < source.length) this.#token(source[this.#at], source[this.#at + 1]);
    if (this.#templates.length > 0) this.#unclosed('template');
    return { source, code: this.#code.join(''), comments: this.#comments };
  }

  #token(char: string, next: string | undefined): void {
    if (char === '/' && next === '/') this.#comment(this.#find('\n', this.#at, true));
    else if (char === '/' && next === '*') this.#comment(this.#find('*/', this.#at + 2) + 2);
    else if (char === '#' && next === '!' && this.#at === 0) this.#comment(this.#find('\n', 0, true));
    else if (char === "'" || char === '"') this.#string(char);
    else if (char === '`') this.#template();
    else if (char === '/' && this.#opensRegex()) this.#regex();
    else this.#plain(char);
  }

  #plain(char: string): void {
    const depth = this.#templates.length - 1;
    if (depth >= 0 && char === '{') this.#templates[depth]++;
    if (depth >= 0 && char === '}') {
      if (this.#templates[depth] === 0) {
        this.#templates.pop();
        this.#template();
        return;
      }
      this.#templates[depth]--;
    }
    this.#at++;
  }

  #comment(end: number): void {
    this.#comments.push({ start: this.#at, end, text: this.#source.slice(this.#at, end) });
    this.#blank(this.#at, end);
    this.#at = end;
  }

  #string(quote: string): void {
    const start = this.#at;
    let at = start + 1;
    while (this.#source[at] !== quote) {
      if (at >= this.#source.length || this.#source[at] === '\n') this.#unclosed('string');
      at += this.#source[at] === '\\' ? 2 : 1;
    }
    this.#blank(start + 1, at);
    this.#at = at + 1;
  }

  /** From a backtick, or from the brace that ends an expression, to the end of the template or its next expression. */
  #template(): void {
    const start = this.#at + 1;
    let at = start;
    for (;;) {
      if (at >= this.#source.length) this.#unclosed('template');
      if (this.#source[at] === '`') break;
      if (this.#source[at] === '$' && this.#source[at + 1] === '{') {
        this.#templates.push(0);
        break;
      }
      at += this.#source[at] === '\\' ? 2 : 1;
    }
    const opens = this.#source[at] === '$';
    // The braces of an expression are blanked with the text, so that code outside stays balanced.
    this.#blank(this.#source[start - 1] === '}' ? start - 1 : start, opens ? at + 2 : at);
    this.#at = opens ? at + 2 : at + 1;
  }

  #opensRegex(): boolean {
    let at = this.#at - 1;
    while (at >= 0 && /\s/.test(this.#code[at])) at--;
    if (at < 0) return true;
    if (/[\w$]/.test(this.#code[at])) {
      let start = at;
      while (start > 0 && /[\w$]/.test(this.#code[start - 1])) start--;
      return this.#code[start - 1] !== '.' && REGEX_AFTER_WORD.has(this.#code.slice(start, at + 1).join(''));
    }
    return !/[)\]}'"`]/.test(this.#code[at]);
  }

  #regex(): void {
    const start = this.#at;
    let at = start + 1;
    let inClass = false;
    while (inClass || this.#source[at] !== '/') {
      if (at >= this.#source.length || this.#source[at] === '\n') this.#unclosed('regular expression');
      if (this.#source[at] === '[') inClass = true;
      if (this.#source[at] === ']') inClass = false;
      at += this.#source[at] === '\\' ? 2 : 1;
    }
    this.#blank(start + 1, at);
    this.#at = at + 1;
  }

  #find(what: string, from: number, orEnd = false): number {
    const at = this.#source.indexOf(what, from);
    if (at < 0 && !orEnd) this.#unclosed('comment');
    return at < 0 ? this.#source.length : at;
  }

  #blank(start: number, end: number): void {
    for (let at = start; at < end; at++) if (this.#code[at] !== '\n') this.#code[at] = ' ';
  }

  #unclosed(what: string): never {
    throw new Error(`line ${lineAt(this.#source, this.#at)}: a ${what} is not closed`);
  }
}

/** The line of an offset, from 1. */
export function lineAt(source: string, offset: number): number {
  let line = 1;
  for (let at = source.indexOf('\n'); at >= 0 && at < offset; at = source.indexOf('\n', at + 1)) line++;
  return line;
}
