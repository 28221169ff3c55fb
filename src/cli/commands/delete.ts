/**
 * `kvorum delete KEY...`: deletes keys. A key that does not exist is deleted too: the tombstone is what makes every
 * replica agree, so success says that the key is gone, not that it was there.
 */
import type { CommandSpec } from '../command.js';
import { withStore } from '../open-access.js';
import { printable } from '../output.js';
import { addWriteFlags, heldText, writeRequest } from './put.js';

export const deleteCommand: CommandSpec = {
  usage: 'delete <keys...>',
  summary: 'delete keys',
  description:
    'Deletes one key or more and waits until W replicas have confirmed each. A key that does not exist is no error.',
  ownFlags: ['w', 'mode', 'durability'],
  flags: addWriteFlags,
  examples: [
    ['kvorum delete user:1', 'delete one key'],
    ['kvorum delete user:1 user:2 --json', 'one JSON line for each key'],
  ],
  run: (invocation) => {
    const find = { create: false, ownFlags: deleteCommand.ownFlags ?? [] };
    return withStore(invocation, find, async (access) => {
      const request = writeRequest(invocation.flags);
      for (const key of invocation.args) {
        const written = await access.delete(key, request);
        invocation.output.result({ key, ...written }, () => `deleted ${printable(key)} (${heldText(written)})`);
      }
      return undefined;
    });
  },
};
