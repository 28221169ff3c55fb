import test from 'ava';
import fc from 'fast-check';
import { admitted, claimOf, claimsFrom, type HostClaim, overlaps, RANGE_ALIGN } from '../../src/core/host-claims.js';
import { NODE_COUNT_MAX } from '../../src/core/ids.js';
import { codeOfThrown } from './thrown.js';

const areApart = (claims: readonly HostClaim[]): boolean =>
  claims.every((claim, i) => claims.slice(i + 1).every((other) => !overlaps(claim, other)));

test('host claims: any admissions, some twice -> aligned ranges with the room wanted, apart from each other and from members', (t) => {
  const admissions = fc.array(fc.record({ host: fc.nat(12), room: fc.integer({ min: 1, max: 200 }) }), {
    maxLength: 15,
  });
  fc.assert(
    fc.property(admissions, fc.uniqueArray(fc.nat(400)), (asked, members) => {
      let claims: readonly HostClaim[] = [];
      for (const { host, room } of asked) {
        const before = claims;
        const isNew = claimOf(before, `h${host}`) === undefined;
        claims = admitted(before, members, { host: `h${host}`, room, known: [] });
        const claim = claimOf(claims, `h${host}`);
        t.is(claims.length, before.length + Number(isNew));
        t.true(claim !== undefined && (!isNew || claim.room >= room));
        t.true(!isNew || members.every((node) => !overlaps(claim as HostClaim, { first: node, room: 1 })));
      }
      t.true(areApart(claims));
      t.true(claims.every(({ first, room }) => first % RANGE_ALIGN === 0 && first + room <= NODE_COUNT_MAX));
    }),
  );
});

test('host claims: a cluster that has none yet -> those that are known keep their ranges, also one without its disk', (t) => {
  const known = [
    { host: 'a', first: 0, room: 12 },
    { host: 'b', first: 32, room: 40 },
  ];
  const claims = admitted([], [0, 1, 2, 32], { host: 'c', room: 3, known });
  t.deepEqual(claims, [
    { host: 'a', first: 0, room: 32 },
    { host: 'b', first: 32, room: 64 },
    { host: 'c', first: 96, room: 32 },
  ]);
  t.deepEqual(claimOf(admitted([], [32], { host: 'b', room: 3, known }), 'b'), { host: 'b', first: 32, room: 64 });
  // what somebody knows adds nothing to claims that there are
  t.is(admitted(claims.slice(0, 1), [], { host: 'c', room: 3, known })[1].first, 32);
});

test('host claims: more than there is room for -> KV_UNAVAILABLE', (t) => {
  const claims = admitted([], [], { host: 'a', room: 4_000, known: [] });
  t.is(
    codeOfThrown(() => admitted(claims, [], { host: 'b', room: 200, known: [] })),
    'KV_UNAVAILABLE',
  );
});

test('host claims: plain data -> claims, none where there is nothing, undefined for anything else', (t) => {
  const claims = [{ host: 'a', first: 0, room: 32 }];
  t.deepEqual(claimsFrom(claims), claims);
  t.deepEqual(claimsFrom(undefined), []);
  for (const bad of [1, [1], [null], [{ host: 'a', first: 'x', room: 1 }]]) t.is(claimsFrom(bad), undefined);
});
