/**
 * Web sessions with an expiry: what Redis is most often used for.
 *
 * A session is a value with a time to live. Each request of the user renews it by writing it again; a user who stays
 * away is logged out when the time is over, without anybody deleting anything. Expiry is an absolute time in the record,
 * so that replicas agree on it, and an expired session is absent for every reader at once.
 *
 *   node dist/examples/session-store.js
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Store } from '../src/client/types.js';
import { open } from '../src/index.js';
import { withTemporaryDirectory } from './support.js';

interface Session {
  readonly user: string;
  readonly requests: number;
}

/** Sessions over a store; a session lives for `ttlMs` after its last request. */
class Sessions {
  constructor(
    private readonly store: Store,
    private readonly ttlMs: number,
  ) {}

  async login(user: string): Promise<string> {
    const id = randomUUID();
    await this.#write(id, { user, requests: 0 });
    return id;
  }

  /** The session, renewed; undefined for a stranger or for one who stayed away too long. */
  async request(id: string): Promise<Session | undefined> {
    const session = (await this.store.get(`session:${id}`)) as Session | undefined;
    if (!session) return undefined;
    const renewed = { ...session, requests: session.requests + 1 };
    await this.#write(id, renewed);
    return renewed;
  }

  async logout(id: string): Promise<void> {
    await this.store.delete(`session:${id}`);
  }

  async #write(id: string, session: Session): Promise<void> {
    await this.store.put(`session:${id}`, session, { ttlMs: this.ttlMs });
  }
}

const TTL_MS = 1_500;

await withTemporaryDirectory(async (path) => {
  const store = await open({ path, nodes: 3, memoryBytes: 32 * 1024 * 1024 });
  const sessions = new Sessions(store, TTL_MS);

  const ann = await sessions.login('ann');
  const bob = await sessions.login('bob');
  const eve = await sessions.login('eve');
  await sessions.logout(eve);
  assert.equal(await sessions.request(eve), undefined, 'a logout takes effect at once');
  assert.equal(await sessions.request('made-up'), undefined, 'a stranger has no session');

  // Ann works on; Bob went home. Her session outlives several lives of his.
  let last: Session | undefined;
  for (let step = 0; step < 6; step++) {
    last = await sessions.request(ann);
    assert.ok(last, 'a session that is used does not expire');
    await sleep(TTL_MS / 4);
  }
  assert.deepEqual(last, { user: 'ann', requests: 6 });
  assert.equal(await sessions.request(bob), undefined, 'a session that is not used expires');

  // What a reader can see of the expiry.
  const { siblings } = await store.read(`session:${ann}`);
  assert.ok((siblings[0].expiresAtMs ?? 0) > siblings[0].writtenAtMs);

  // A scan does not show what has expired either.
  const alive: string[] = [];
  for await (const { key } of store.scan({ prefix: 'session:' })) alive.push(String(key));
  assert.deepEqual(alive, [`session:${ann}`]);

  await store.close();
  console.log('session-store: 3 sessions: 1 renewed 6 times and alive, 1 expired, 1 logged out');
});
