/**
 * Small JSON files that tell whether they are damaged: `check`, their last field, is the CRC32 of the rest as JSON.stringify writes
 * it, however the file itself is laid out. One without it is of an older version, and is believed.
 */
import { crc32 } from 'node:zlib';

/** The object as JSON text, with its checksum; one line, or by an indent of so many spaces. */
export function toCheckedJson(value: object, indent?: number): string {
  return JSON.stringify({ ...value, check: checkOf(value) }, null, indent);
}

/** What the text says, without its checksum; undefined where it is no JSON object, or another one than was written. */
export function fromCheckedJson(text: string): Readonly<Record<string, unknown>> | undefined {
  const parsed = parse(text);
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { check, ...value } = parsed as { readonly check?: unknown };
  return check === undefined || check === checkOf(value) ? value : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const checkOf = (value: object): number => crc32(JSON.stringify(value));
