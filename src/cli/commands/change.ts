/**
 * `kvorum join`, `leave`, `replace`, `reweight`, `failure-domain`, `abort`, `forget`: change the ring while it serves, and wait until all of it
 * has moved. On a directory that nobody holds, this process opens it for as long as the change takes; with `--no-wait` the change
 * goes on in the process that holds it, or when the directory is next opened.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { ChangeResult, RingChangeReport, RingReport } from '../../client/types.js';
import { StoreError } from '../../core/errors.js';
import { addJoinFlags, addLeaveFlags, addReplaceFlags, type ChangeName, changeOrder } from '../change-flags.js';
import type { CommandSpec, Invocation } from '../command.js';
import { withStore } from '../open-access.js';
import { startProgress } from '../progress.js';
import { formatBytes, formatNumber } from '../quantities.js';
import type { StoreAccess } from '../store-access.js';

const LOOK_MS = 200;

export const joinCommand = changeCommand('join', {
  usage: 'join',
  summary: 'add nodes to the running store',
  description: 'Starts new nodes in the process that holds the store and moves their share of the data to them.',
  addFlags: addJoinFlags,
  examples: [
    ['kvorum join', 'one more node'],
    ['kvorum join --count 2 --weight 0.5', 'two more, each with half a share'],
  ],
});

export const leaveCommand = changeCommand('leave', {
  usage: 'leave [nodes...]',
  summary: 'move all data off nodes, then end them',
  description: 'The nodes serve until everything they hold has moved to the others; then they end.',
  addFlags: addLeaveFlags,
  examples: [
    ['kvorum leave 3', 'node 3 leaves'],
    ['kvorum leave --host c', 'all nodes of host c leave; then it can be stopped for good'],
    ['kvorum leave 2 3 --force', 'the same though they, and with them most members, are dead'],
  ],
});

export const replaceCommand = changeCommand('replace', {
  usage: 'replace <nodes...>',
  summary: 'have new nodes take the seats of others, dead or alive',
  description: 'Starts a new node for each of these and copies what they should hold from the other replicas.',
  addFlags: addReplaceFlags,
  examples: [
    ['kvorum replace 1', 'a new node takes the seats of node 1'],
    ['kvorum replace 1 --same', 'node 1, whose disk is dead or damaged, begins anew and fills up from the others'],
  ],
});

export const reweightCommand = changeCommand('reweight', {
  usage: 'reweight <node> <weight>',
  summary: 'give a node a larger or smaller share',
  description: 'Changes the weight of a node, 0.1 to 100 relative to the others, and moves the difference.',
  addFlags: () => undefined,
  examples: [['kvorum reweight 0 2', 'node 0 holds twice the share of a node of weight 1']],
});

export const failureDomainCommand = changeCommand('failure-domain', {
  usage: 'failure-domain <level>',
  summary: 'change what two replicas of a key must differ in: node, host, machine or zone',
  description: 'Moves the replicas that share one of these to where they do not, if there are enough of them for N.',
  addFlags: () => undefined,
  examples: [['kvorum failure-domain zone', 'each replica of a key in another zone']],
});

export const abortCommand = changeCommand('abort', {
  usage: 'abort',
  summary: 'call off the change of the ring that is under way',
  description:
    'Partitions that it still fills stay with the nodes that hold them; those that it has filled go on to their new ones. For a ' +
    'change that waits for a node which is gone for good. Where kvorum ring shows that node afterwards, have it leave.',
  addFlags: () => undefined,
  examples: [['kvorum abort', 'the new host has burnt down before it had its share']],
});

export const forgetCommand = changeCommand('forget', {
  usage: 'forget <host>',
  summary: 'give up a host whose nodes have all left: others may have its range of nodes',
  description:
    'The host is no part of the cluster any more. Its nodes must have left before. To come back it starts with an empty ' +
    'directory, as a new host does. A host that has left and stays away is forgotten after an hour without this.',
  addFlags: () => undefined,
  examples: [['kvorum forget c', 'host c has left for good']],
});

interface ChangeTexts extends Pick<CommandSpec, 'usage' | 'summary' | 'description' | 'examples'> {
  readonly addFlags: (command: Command) => void;
}

function changeCommand(name: ChangeName, { addFlags, ...texts }: ChangeTexts): CommandSpec {
  return {
    ...texts,
    flags: (command) => {
      addFlags(command);
      command.option('--no-wait', 'end as soon as the change has begun');
    },
    run: async (invocation) => {
      const order = changeOrder(name, invocation.args, invocation.flags);
      return withStore(invocation, { create: false }, async (access) => {
        const isSame = invocation.flags.same === true;
        const before = await access.ring();
        const begun = await access.change(order);
        const end = () => (isSame ? followNode(invocation, access, begun) : follow(invocation, access, before, begun));
        const result = invocation.flags.wait === false ? begun : await end();
        invocation.output.result(result, () => {
          if (name === 'forget') return describeForgotten(invocation.args[0], before, result);
          if (name === 'abort') return describeAbort(before, result);
          return isSame ? describeRenewal(result) : describeResult(name, result);
        });
        return undefined;
      });
    },
  };
}

/** Watches the ring until the change is done. @throws StoreError KV_ABORTED where it was called off */
async function follow(
  { output }: Invocation,
  access: StoreAccess,
  before: RingReport,
  begun: ChangeResult,
): Promise<ChangeResult> {
  const { id, partitions } = begun;
  const progress = await startProgress({
    label: 'moving',
    totalCount: partitions,
    noun: 'partitions',
    quiet: output.json,
  });
  let wanted: RingChangeReport['moving'] | undefined;
  for (;;) {
    const { epoch, change, moved, preferenceLists } = await access.ring();
    const done = epoch >= id && change?.id !== id;
    if (!done) wanted ??= change?.moving;
    const settled = done ? partitions : partitions - (change?.moving.length ?? partitions);
    const records = (moved?.records ?? 0) - (before.moved?.records ?? 0);
    const bytes = (moved?.bytes ?? 0) - (before.moved?.bytes ?? 0);
    progress.update(bytes, settled);
    if (done) {
      progress.stop();
      if (!hasCome(wanted ?? [], preferenceLists))
        throw new StoreError('KV_ABORTED', 'the change was called off: look at the ring', { id });
      return { ...begun, epoch, settled, records, bytes, done };
    }
    await sleep(LOOK_MS);
  }
}

/** Whether each partition is with those who were to hold it. */
function hasCome(wanted: RingChangeReport['moving'], lists: RingReport['preferenceLists']): boolean {
  return wanted.every(({ partition, next }) => next.every((node) => lists[partition].includes(node)));
}

/** Watches a node that began anew until it counts for all that it holds. */
async function followNode({ output }: Invocation, access: StoreAccess, begun: ChangeResult): Promise<ChangeResult> {
  const { joined, partitions } = begun;
  const progress = await startProgress({
    label: 'filling',
    totalCount: partitions,
    noun: 'partitions',
    quiet: output.json,
  });
  for (;;) {
    const { stats } = await access.status();
    const { up, repairs } = stats.nodes.find(({ node }) => node === joined[0]) ?? {};
    const settled = Math.max(0, partitions - (repairs?.inDoubt ?? partitions));
    const records = repairs?.received ?? 0;
    progress.update(records, settled);
    if (up === true && repairs?.inDoubt === 0) {
      progress.stop();
      return { ...begun, settled, records, done: true };
    }
    await sleep(LOOK_MS);
  }
}

function describeRenewal({ joined, partitions, settled, records, done }: ChangeResult): string {
  const node = `node ${joined.join(', ')}`;
  if (!done) return `replace: ${node} begins anew: ${formatNumber(partitions - settled, 'partition')} to compare`;
  return `replace: ${node} began anew and holds ${formatNumber(partitions, 'partition')}, ${formatNumber(records, 'record')} received`;
}

/** Whom the ring does not name is forgotten already, or mistyped: the sentence is the same. */
function describeForgotten(host: string, { epoch: before }: RingReport, { epoch }: ChangeResult): string {
  return epoch === before
    ? `the ring names no host '${host}' (epoch ${epoch}): there was nothing to forget; kvorum status lists the hosts`
    : `host ${host} is forgotten (epoch ${epoch})`;
}

function describeAbort({ change }: RingReport, { epoch, done, partitions, settled }: ChangeResult): string {
  if (change?.moving.some(({ phase }) => phase === 'filling') !== true)
    return `nothing was called off (epoch ${epoch}): no change of the ring was filling a partition`;
  if (done) return `the ${change.kind} is called off (epoch ${epoch})`;
  return `the ${change.kind} is called off; ${formatNumber(partitions - settled, 'partition')} go on (epoch ${epoch})`;
}

function describeResult(name: ChangeName, result: ChangeResult): string {
  const { joined, partitions, settled, records, bytes, epoch, done } = result;
  const nodes = joined.length > 0 ? ` (new: node ${joined.join(', ')})` : '';
  if (!done)
    return `${name}${nodes} has begun: ${formatNumber(partitions - settled, 'partition')} to move (epoch ${epoch})`;
  const copied = `${formatNumber(records, 'record')}, ${formatBytes(bytes)} copied`;
  return `${name}${nodes}: ${formatNumber(partitions, 'partition')} changed hands, ${copied} (epoch ${epoch})`;
}
