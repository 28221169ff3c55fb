/** Connections that say nothing, as fast as they can be made, a few hundred at a time. */
import { connect } from 'node:net';

const WAVE = 250;

/** Makes `count` connections to the port; calls `between` now and then. */
export async function flood(port: number, count: number, between: () => Promise<void>): Promise<void> {
  for (let made = 0; made < count; made += WAVE) {
    const sockets = Array.from({ length: WAVE }, () => connect(port, '127.0.0.1').on('error', () => undefined));
    const settled = (socket: (typeof sockets)[number]) =>
      new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
    await Promise.all(sockets.map(settled));
    if (made % (4 * WAVE) === 0) await between();
    for (const socket of sockets) socket.destroy();
  }
}
