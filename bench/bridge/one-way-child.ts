/**
 * The far end of the one-way measurement, as a process: a bridge that counts what it is handed, or a plain TCP server that
 * counts bytes. It tells its parent when it has all of a round; a round trip it sends back.
 */
import { createServer } from 'node:net';
import { addressOf, Role } from '../../src/actor/address.js';
import { Bridge } from '../../src/bridge/bridge.js';
import { putHeader } from '../../src/protocol/header.js';
import { Kind } from '../../src/protocol/messages.js';
import { type FarOrder, farSettings, MESSAGE_BYTES, NEAR, quietHooks } from './one-way.js';

process.on('disconnect', () => process.exit(0));
process.on('message', (order: FarOrder) => void begin(order));

async function begin({ kind, port, messages }: FarOrder): Promise<void> {
  let taken = 0;
  const count = (more: number) => {
    taken += more;
    if (taken < messages) return;
    taken -= messages;
    process.send?.('round');
  };
  if (kind === 'plain') {
    let bytes = 0;
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (data) => {
        bytes += data.length;
        const whole = Math.floor(bytes / MESSAGE_BYTES);
        bytes -= whole * MESSAGE_BYTES;
        count(whole);
      });
    });
    server.listen(0, '127.0.0.1', () => process.send?.((server.address() as { port: number }).port));
    return;
  }
  const answer = new Int32Array(MESSAGE_BYTES / 4);
  const [to, from] = [addressOf(Role.coordinator, NEAR.first, 0), addressOf(Role.vnode, 32, 0)];
  putHeader(answer, 0, Kind.replicated, MESSAGE_BYTES, to, from, 0);
  const far: Bridge = new Bridge(farSettings(port), {
    ...quietHooks(32),
    deliver: () => {
      if (kind === 'ping') {
        far.send(answer, 0);
        far.flush();
      } else count(1);
      return true;
    },
  });
  const { port: own } = await far.start();
  process.send?.(own);
}
