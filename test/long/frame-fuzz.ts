/** The fuzzer of frames at length: `node dist/test/long/frame-fuzz.js`, `--frames N` for other than 10 million, `--seed N`. */
import { parseArgs } from 'node:util';
import { fuzzFrames } from '../bridge/frame-fuzz.js';

const ROUND = 1_000_000;
const GROWN_BYTES_MAX = 512 * 1024 * 1024;

// the trace of each refusal would cost more than all the rest
Error.stackTraceLimit = 0;
const { values } = parseArgs({
  options: { frames: { type: 'string', default: '10000000' }, seed: { type: 'string', default: '1' } },
});
const frames = Number(values.frames);
for (let done = 0; done < frames; done += ROUND) {
  const report = fuzzFrames(Math.min(ROUND, frames - done), Number(values.seed) + done);
  console.log(JSON.stringify(report));
  if (report.grownBytes > GROWN_BYTES_MAX) process.exitCode = 1;
}
