/**
 * The identities that every floor speaks of, as branded numbers: they cost nothing at run time and cannot be mixed up.
 *
 * All of them are safe integers, so that hot paths never touch a BigInt. A replica id is random in 48 bits: among 10,000
 * incarnations of one cluster two are equal with a probability below 2e-7.
 */

declare const brand: unique symbol;
type Branded<Name extends string> = number & { readonly [brand]: Name };

/** Position of a node in the ring map's member table, 0..4094; stable for the life of the cluster. */
export type NodeIndex = Branded<'NodeIndex'>;
/** One of the 16,384 hash slots of the ring (CRC16 of the key or of its `{tag}`). */
export type Slot = Branded<'Slot'>;
/** One of Q equal arcs of the ring, 0..Q-1. */
export type PartitionId = Branded<'PartitionId'>;
/** Storage incarnation of a node: who minted a dot. A random safe integer in 1..2^48-1; 0 is never valid. */
export type ReplicaId = Branded<'ReplicaId'>;
/** Log sequence number of the write that minted a dot, 1..2^48-1; never repeats within a replica id. */
export type Counter = Branded<'Counter'>;
/** Hybrid logical clock packed in a safe integer: `(ms since 2020) * 4096 + logical`. 0 means none. */
export type Clock = Branded<'Clock'>;
/** Version of the ring map, raised by one with every decided change; 0 is the map before the first. */
export type Epoch = Branded<'Epoch'>;

/** Number of hash slots on the ring, as Redis Cluster clients compute them. */
export const SLOT_COUNT = 16_384;
/** The slot of what a node keeps for itself (hints, notes, ring map): behind all of the ring's, in a partition of its own. */
export const SYSTEM_SLOT = SLOT_COUNT;
/** Most nodes that one ring map may name: a node index is 12 bits of an address. */
export const NODE_COUNT_MAX = 4_095;

export const nodeIndex = (value: number): NodeIndex => value as NodeIndex;
export const slot = (value: number): Slot => value as Slot;
export const partitionId = (value: number): PartitionId => value as PartitionId;
export const replicaId = (value: number): ReplicaId => value as ReplicaId;
export const counter = (value: number): Counter => value as Counter;
export const clock = (value: number): Clock => value as Clock;
export const epoch = (value: number): Epoch => value as Epoch;
