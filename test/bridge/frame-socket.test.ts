/** How a connection ends whose peer takes its time. */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import test from 'ava';
import { FrameType } from '../../src/bridge/frame.js';
import { FrameSocket } from '../../src/bridge/frame-socket.js';
import { FAREWELL_MS } from '../../src/bridge/limits.js';
import { plainFrame } from '../../src/bridge/plain-frame.js';
import { Tally } from '../../src/bridge/stats.js';

/** What has been sent to a peer that takes `slowMs` for the first frame, when the connection is gone. */
async function heardBy(slowMs: number, finish: (link: FrameSocket) => void): Promise<number> {
  let frames = 0;
  const socket = new Duplex({
    read: () => undefined,
    write: (_bytes, _encoding, done) => {
      const isFirst = frames++ === 0;
      if (isFirst) setTimeout(done, slowMs);
      else done();
    },
    final(done) {
      done();
      this.push(null);
    },
  });
  const link = new FrameSocket(
    // of a socket, FrameSocket uses this beside what every stream has
    Object.assign(socket, { setNoDelay: () => socket }) as unknown as Socket,
    'slow',
    new Tally(),
  );
  for (let i = 0; i < 3; i++) {
    const { frame, bodyBytes } = plainFrame({ i });
    link.send(frame, { type: FrameType.facts, lane: 0 }, bodyBytes);
  }
  const closed = new Promise((resolve) => socket.once('close', resolve));
  finish(link);
  await closed;
  return frames;
}

test('frame socket: ends while its peer is slow -> all is written within the time that it is given', async (t) => {
  t.is(await heardBy(FAREWELL_MS + 500, (link) => link.finish('closed', 'all is said', FAREWELL_MS + 5_000)), 3);
  t.is(await heardBy(FAREWELL_MS + 500, (link) => link.finish('closed', 'all is said')), 1);
});
