/** Bugs of clients, for plants. */
/** Faults of clients that tests plant. */
export interface ClientFaults {
  /** The client in this seat shows what has expired. */
  readonly ignoresExpiry?: number;
  /** What a write is to replace is not sent with it. */
  readonly dropsContexts?: boolean;
}
