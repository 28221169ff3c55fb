/** A worker with one request in flight and nothing else that keeps its event loop alive: it tells how that ends. */
import { parentPort } from 'node:worker_threads';
import { Requests } from '../../src/client/requests.js';
import type { StoreError } from '../../src/index.js';

/** Of a host that is gone, with its bells. */
const seat = {
  nowMs: 0,
  wallMs: 0,
  referenced: false,
  flush: () => {
    seat.nowMs += 25;
  },
  incarnationOf: () => 1,
  connectionTo: () => 0,
  mayAnswer: () => true,
};

const requests = new Requests(seat, 10);
requests.begin(0, 100, {
  settle: () => undefined,
  fail: ({ code }: StoreError) => parentPort?.postMessage(code),
});
