/** The version that hosts greet each other with goes with the shapes of their messages. */
import { createHash } from 'node:crypto';
import test from 'ava';
import { EXPORTS } from '../../src/bridge/exports.js';
import { PROTOCOL_VERSIONS } from '../../src/bridge/hello.js';
import { RING_FORMAT } from '../../src/core/ring-packing.js';
import { MESSAGES, type MessageName } from '../../src/protocol/messages.js';

/** By version. Before the first release of one, its digest may be replaced; behind it, another version is added. */
const DIGESTS: Readonly<Record<number, string>> = { 2: 'a4b04d1a71b94c8c', 3: '5b4e295628cc265f' };

test('protocol: what messages look like, and who may send them -> belong to the version; whoever changes them raises it', (t) => {
  const shapes = Object.entries(MESSAGES).map(([name, { tag, kind, fields, body }]) => {
    return [name, tag, kind, Object.entries(fields), body, EXPORTS[name as MessageName]];
  });
  const digest = createHash('sha256')
    .update(JSON.stringify({ shapes, ringFormat: RING_FORMAT }))
    .digest('hex')
    .slice(0, 16);
  t.is(DIGESTS[PROTOCOL_VERSIONS.max], digest);
});
