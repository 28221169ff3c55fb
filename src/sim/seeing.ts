/** An env of which a planted fault replaces a part. */
import type { Env } from '../actor/env.js';

/** The same effects, some of them others. */
export function seeing(env: Env, other: Partial<Env>): Env {
  return new Proxy(env, {
    get: (target, name) => {
      const value = Reflect.get(name in other ? other : target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
