import { contract, type Test } from "./connection_contract.ts";
import { reasonsContract } from "./reasons_contract.ts";
import { tcpContract } from "./tcp_contract.ts";
import { tlsContract } from "./tls_contract.ts";
import { udpContract } from "./udp_contract.ts";
import { unixContract } from "./unix_contract.ts";
import { TCP, TLS, UNIX } from "../helpers/transports.ts";

/** Everything that is asked of a runtime. */
export function contracts(test: Test): void {
  for (const transport of [TCP, UNIX, TLS]) {
    const { name } = transport;
    contract((what, run) => test(`${name}: ${what}`, run), transport);
  }
  reasonsContract(test);
  tcpContract((what, run) => test(`tcp: ${what}`, run));
  tlsContract((what, run) => test(`tls: ${what}`, run));
  udpContract((what, run) => test(`udp: ${what}`, run));
  unixContract((what, run) => test(`unix: ${what}`, run));
}
