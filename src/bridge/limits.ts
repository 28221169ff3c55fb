/**
 * Every bound of the bridge: sizes of frames and queues, credits, and times. Each length that a peer sends is compared with
 * its bound here before anything is allocated for it.
 */

export const FRAME_HEADER_BYTES = 16;
/** Whole messages of one data frame, or the piece of one large message in a chunk frame. */
export const PAYLOAD_BYTES_MAX = 64 * 1024;
/** Body of a frame: a payload, and the prefix that a piece has. */
export const FRAME_BODY_BYTES_MAX = PAYLOAD_BYTES_MAX + 16;
/** Body of a frame before the peer has authenticated itself. */
export const GREETING_BODY_BYTES_MAX = 4 * 1024;
/** Hosts that one frame tells of: each takes at most 1,078 bytes, in texts mostly. */
export const HOSTS_PER_FRAME_MAX = 56;
/** Nodes, and marks of others' nodes, that one frame tells of: one of each takes at most 180 bytes. */
export const NODES_PER_FRAME_MAX = 256;
/** Facts that a host which wants to join is told. */
export const FACTS_BYTES_MAX = 4 * 1024 * 1024;

/** Messages that wait for one peer, by lane: control, requests, bulk. Replies may take as much again: who asked is waiting. */
export const LANE_BYTES_MAX: readonly number[] = [1024 * 1024, 8 * 1024 * 1024, 8 * 1024 * 1024];
/** Bytes sent that the peer has not taken yet, by lane; control has no window, since nothing may delay it. */
export const CREDIT_BYTES: readonly number[] = [0x4000_0000, 4 * 1024 * 1024, 1024 * 1024];
/** Bytes waiting behind full local mailboxes above which a peer is given no more credit, by lane. */
export const WAITING_BYTES_MAX: readonly number[] = [0x4000_0000, 4 * 1024 * 1024, 1024 * 1024];
/** Bytes in the socket's own buffer: what a heartbeat may have to wait for. */
export const SOCKET_BYTES_MAX = 256 * 1024;
/** Bytes of the largest frame. */
export const FRAME_BYTES_MAX = FRAME_HEADER_BYTES + FRAME_BODY_BYTES_MAX;
/** Frames of the requests lane between two of the bulk lane, where both wait. */
export const REQUEST_FRAMES_PER_BULK = 4;

/** Connections that have not authenticated themselves yet. */
export const STRANGERS_MAX = 64;
/** A stranger younger than this is not turned out for a newer one. */
export const STRANGER_GRACE_MS = 1_000;
export const HANDSHAKE_MS = 10_000;
/** How long a refused peer may take to read why. */
export const FAREWELL_MS = 1_000;
/** How long a host that asks may take to hear the facts. */
export const FACTS_MS = 10_000;
export const PING_MS = 1_000;
/** How often the peers are looked at: is a ping due, has one become quiet? */
export const LOOK_MS = 250;
/** A peer of which nothing arrives for this long, and the time of a round trip, is quiet: it has missed two pings. */
export const QUIET_MS = 2 * PING_MS;
/** A round trip that is longer, or unknown, counts as this. */
export const ROUND_TRIP_MS_MAX = 1_000;
/** A connection on which nothing arrives for this long is dead. */
export const SILENCE_MS = 5_000;
export const REDIAL_BASE_MS = 50;
export const REDIAL_CAP_MS = 5_000;
/** The longest pause before a dial that nobody waits for: of a host without a node in the ring, of a seed that is not needed. */
export const RARE_REDIAL_CAP_MS = 60_000;
/** How often a peer without credit is looked at again. */
export const CREDIT_RETRY_MS = 5;

/** Hosts that one process can tell apart by the addresses of their clients. */
export const PEER_SLOTS_MAX = 255;
/** Texts of a hello and of a host's address. */
export const TEXT_BYTES_MAX = 255;
