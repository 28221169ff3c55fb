/** Bugs of clients, for plants. */
/** Faults of clients that tests plant. */
export interface ClientFaults {
  /** The client in this seat shows what has expired. */
  readonly ignoresExpiry?: number;
  /** What a write is to replace is not sent with it. */
  readonly dropsContexts?: boolean;
  /** A write that was refused is sent again though later ones of its key have been sent. */
  readonly resendsBehind?: boolean;
  /** A write takes no notice of an earlier one of its key that is under way to another node. */
  readonly overtakes?: boolean;
}
