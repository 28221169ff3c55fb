import test from 'ava';
import { fuzzFrames } from './frame-fuzz.js';

const FRAMES = 100_000;

test('frame fuzz: random and mutated bytes -> refusals with a reason, right messages delivered, memory bounded', (t) => {
  const seed = 1 + Math.floor(Math.random() * 1_000_000);
  const { refused, delivered, grownBytes } = fuzzFrames(FRAMES, seed);
  t.log({ seed, refused, delivered });
  for (const reason of [
    'length',
    'checksum',
    'malformed',
    'message-size',
    'sender',
    'receiver',
    'not-exported',
    'chunk',
  ] as const) {
    t.true((refused[reason] ?? 0) > 0, reason);
  }
  t.is(refused.internal, undefined);
  t.true(delivered > FRAMES / 20);
  t.true(grownBytes < 256 * 1024 * 1024, `${grownBytes} bytes`);
});
