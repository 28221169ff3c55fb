/** What a store tells its listeners, in the midst of its own work. */
import { EventEmitter } from 'node:events';

export class StoreEmitter extends EventEmitter {
  /** What a listener throws is an uncaught exception: neither the store's work nor other listeners meet it. */
  override emit(name: string | symbol, ...details: unknown[]): boolean {
    const listeners = this.rawListeners(name);
    for (const listener of listeners) {
      try {
        Reflect.apply(listener, this, details);
      } catch (error) {
        process.nextTick(() => {
          throw error;
        });
      }
    }
    return listeners.length > 0;
  }
}
