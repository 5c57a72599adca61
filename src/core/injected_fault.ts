/** A fault that ends connections. */
export type EndingFault = "reset" | "close";

/**
 * Ends a connection on purpose: a connection with the fault `reset` or `close`
 * rejects with it. {@linkcode serve} tells `onClose`, not `onError`.
 */
export class InjectedFault extends Error {
  /** The name of the class. */
  override readonly name = "InjectedFault";
  /** Which fault it is. */
  readonly fault: EndingFault;

  /** Makes one for a fault. */
  constructor(fault: EndingFault) {
    super(`Connection ended by the fault ${fault}`);
    this.fault = fault;
  }
}
