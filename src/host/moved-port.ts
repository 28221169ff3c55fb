/** A port as an argument of a call over comlink. */
import type { MessagePort } from 'node:worker_threads';
import * as Comlink from 'comlink';

/**
 * The port moves to the thread that is called. Of no type, since comlink's types know the ports of browsers only: this is
 * the one place that says so.
 */
export const movedPort = (port: MessagePort): never => Comlink.transfer(port, [port as never]) as never;
