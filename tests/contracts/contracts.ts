import { contract, type Test } from "./connection_contract.ts";
import { missing } from "../helpers/commands.ts";
import { tcpContract } from "./tcp_contract.ts";
import { tlsContract } from "./tls_contract.ts";
import { udpContract } from "./udp_contract.ts";
import { unixContract } from "./unix_contract.ts";
import { TCP, TLS, UNIX } from "../helpers/transports.ts";

/** Everything that is asked of a runtime. */
export function contracts(test: Test): void {
  const withPrefix = (prefix: string): Test => (what, run) =>
    test(`${prefix}: ${what}`, run);
  // Certificates are made by openssl.
  const withoutOpenssl = missing("openssl").length > 0;
  const tlsTest: Test = withoutOpenssl
    ? (what, run) => test(`tls: ${what} (without openssl)`, run, true)
    : withPrefix("tls");
  contract(withPrefix("tcp"), TCP);
  contract(withPrefix("unix"), UNIX);
  contract(tlsTest, TLS);
  tcpContract(withPrefix("tcp"));
  tlsContract(tlsTest);
  udpContract(withPrefix("udp"));
  unixContract(withPrefix("unix"));
}
