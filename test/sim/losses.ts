/** What befalls the disk of a single node of a simulated world, which starts again at once. */
import type { SimNode } from '../../src/sim/sim-node.js';
import type { World } from '../../src/sim/world.js';

/** Its disk is empty. */
export function wipe(world: World, node: SimNode): void {
  world.crash(node);
  node.disk.wipe();
  world.restart(node);
}

/** Its disk is taken for an older copy, and holds all that it held: of what others do not know, nobody can say when it was deleted. */
export function rollBack(world: World, node: SimNode): void {
  world.crash(node);
  node.disk.rollBack(node.disk.log.length);
  world.restart(node);
}
