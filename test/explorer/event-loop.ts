/** The event loop of a thread under exploration: what the rewritten code hands to it, for the scenario to run. */
export const eventLoop = {
  immediates: [] as (() => void)[],
  microtasks: [] as (() => void)[],
};

export const eventLoopGlobals = {
  setImmediate: (work: () => void) => eventLoop.immediates.push(work),
  queueMicrotask: (work: () => void) => eventLoop.microtasks.push(work),
};
