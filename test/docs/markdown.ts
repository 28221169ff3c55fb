/** Reads what the documents' tests need out of Markdown: tables under a heading, fenced code, and the files it names. */

/** Rows of the first table under a heading, without its head; cells trimmed, code marks and escapes removed. */
export function tableUnder(markdown: string, heading: string): string[][] {
  const lines = markdown.split('\n');
  const from = lines.indexOf(heading);
  if (from < 0) throw new Error(`there is no heading '${heading}'`);
  const start = lines.findIndex((line, index) => index > from && line.startsWith('|'));
  const rows: string[][] = [];
  for (const line of lines.slice(start + 2)) {
    if (!line.startsWith('|')) break;
    rows.push(
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map(plain),
    );
  }
  return rows;
}

function plain(cell: string): string {
  return cell
    .trim()
    .replaceAll('\\|', '|')
    .replace(/^`([^`]*)`$/, '$1');
}

/** The bodies of the code blocks whose info string is exactly this. */
export function codeBlocks(markdown: string, info: string): string[] {
  const blocks = [...markdown.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)];
  return blocks.filter(([, given]) => given === info).map(([, , body]) => body);
}

/** What a program says that it prints: the text behind each `// -> `, in order. */
export function printedBy(program: string): string[] {
  return [...program.matchAll(/\/\/ -> (.*)$/gm)].map(([, text]) => text);
}

/** Paths of this repository that the text names, as links or in passing; those with a placeholder are left out. */
export function namedPaths(markdown: string): string[] {
  const links = [...markdown.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, target]) => target);
  const mentioned = [...markdown.matchAll(/`((?:src|actors|test|bench|docs|examples)\/[\w./-]*)`/g)].map(
    ([, path]) => `/${path}`,
  );
  return [...links.filter((target) => !/^[a-z]+:/.test(target)), ...mentioned];
}
