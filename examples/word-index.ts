/**
 * A dictionary of more than 270,000 words (the package word-list) with completion and anagrams.
 *
 * Two kinds of key in one store. `word:cat` holds facts about the word; completion is a scan of a prefix that stops
 * after the first few. `anagram:act` holds the words with those letters, so that a question is one `get`. It also shows
 * two ways to load fast: `putMany` in groups, several in flight, and reads of many keys with `getMany`.
 *
 *   node dist/examples/word-index.js
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import wordListPath from 'word-list';
import type { Store } from '../src/client/types.js';
import { open } from '../src/index.js';
import { groupsOf, printRate, withTemporaryDirectory } from './support.js';

const GROUP = 1_000;
const IN_FLIGHT = 4;

/** The letters in order: the same for all anagrams of a word. */
function lettersOf(word: string): string {
  return [...word].sort().join('');
}

async function load(store: Store, pairs: Iterable<readonly [string, unknown]>): Promise<number> {
  const inFlight = new Set<Promise<void>>();
  let loaded = 0;
  for (const group of groupsOf(pairs, GROUP)) {
    while (inFlight.size >= IN_FLIGHT) await Promise.race(inFlight);
    const run: Promise<void> = store.putMany(group).finally(() => inFlight.delete(run));
    inFlight.add(run);
    loaded += group.length;
  }
  await Promise.all(inFlight);
  return loaded;
}

/** The first words that begin with `beginning`, in order. */
async function complete(store: Store, beginning: string, limit: number): Promise<string[]> {
  const words: string[] = [];
  for await (const { key } of store.scan({ prefix: `word:${beginning}`, limit, values: false })) {
    words.push(String(key).slice('word:'.length));
  }
  return words;
}

async function anagramsOf(store: Store, word: string): Promise<string[]> {
  return ((await store.get(`anagram:${lettersOf(word)}`)) as string[] | undefined) ?? [];
}

await withTemporaryDirectory(async (path) => {
  const words = (await readFile(wordListPath, 'utf8')).split('\n').filter(Boolean);
  assert.ok(words.length > 100_000);
  const groups = new Map<string, string[]>();
  for (const word of words) {
    const letters = lettersOf(word);
    groups.set(letters, [...(groups.get(letters) ?? []), word]);
  }
  const withAnagrams = [...groups].filter(([, group]) => group.length > 1);

  const store = await open({ path, nodes: 3, n: 2, r: 1, w: 2, memoryBytes: 256 * 1024 * 1024 });
  const loadedAt = performance.now();
  const loaded =
    (await load(
      store,
      words.map((word) => [`word:${word}`, word.length] as const),
    )) +
    (await load(
      store,
      withAnagrams.map(([letters, group]) => [`anagram:${letters}`, group] as const),
    ));
  printRate('loaded', loaded, loadedAt);

  // Completion: the scan ends after five keys, wherever they lie.
  const completions = await complete(store, 'quor', 5);
  assert.deepEqual(completions, words.filter((word) => word.startsWith('quor')).slice(0, 5));
  console.log(`quor... -> ${completions.join(', ')}`);

  // Anagrams: one get.
  assert.deepEqual(await anagramsOf(store, 'listen'), groups.get(lettersOf('listen')));
  assert.deepEqual(await anagramsOf(store, 'zzz'), []);
  console.log(`listen -> ${(await anagramsOf(store, 'listen')).join(', ')}`);

  // Many keys at once, in the order in which they were asked for; a word that is none is undefined.
  const asked = [...words.filter((_, number) => number % 10 === 0), 'kvorum'];
  const readAt = performance.now();
  const lengths: unknown[] = [];
  for (const group of groupsOf(asked, GROUP))
    lengths.push(...(await store.getMany(group.map((word) => `word:${word}`))));
  assert.deepEqual(lengths, [...asked.slice(0, -1).map((word) => word.length), undefined]);
  printRate('read', asked.length, readAt);

  await store.close();
  console.log(`word-index: ${loaded.toLocaleString('en-US')} pairs loaded, completed, and searched for anagrams`);
});
