import { backlogContract } from "./backlog_contract.ts";
import { contract, type Test } from "./connection_contract.ts";
import { missing } from "../helpers/commands.ts";
import { farewellContract } from "./farewell_contract.ts";
import { goneContract } from "./gone_contract.ts";
import { proxyContract } from "./proxy_contract.ts";
import { reasonsContract } from "./reasons_contract.ts";
import { resetContract } from "./reset_contract.ts";
import { tcpContract } from "./tcp_contract.ts";
import { tlsContract } from "./tls_contract.ts";
import { udpContract } from "./udp_contract.ts";
import { unixContract } from "./unix_contract.ts";
import {
  behindBalancer,
  inMemory,
  TCP,
  TLS,
  UNIX,
} from "../helpers/transports.ts";

/** Everything that is asked of a runtime. */
export function contracts(test: Test): void {
  // Certificates are made by openssl.
  const withoutOpenssl = missing("openssl").length > 0;
  const withPrefix =
    (prefix: string, where = ""): Test => (what, run, isMissing = false) => {
      const lacksOpenssl = prefix === "tls" && withoutOpenssl;
      const reason = lacksOpenssl ? " (without openssl)" : "";
      const ignore = isMissing || lacksOpenssl;
      test(`${prefix}${where}: ${what}${reason}`, run, ignore);
    };
  for (const transport of [TCP, UNIX, TLS]) {
    const transportTest = withPrefix(transport.name);
    contract(transportTest, transport);
    backlogContract(transportTest, transport);
    farewellContract(transportTest, transport);
    resetContract(transportTest, transport);
    if (transport !== UNIX) goneContract(transportTest, transport);
    const proxied = behindBalancer(transport);
    const proxyTest = withPrefix(transport.name, " behind a balancer");
    proxyContract(proxyTest, proxied, transport);
    // On Unix sockets it is the code of TCP.
    if (transport === UNIX) continue;
    contract(proxyTest, proxied);
    farewellContract(proxyTest, proxied);
    resetContract(proxyTest, proxied);
  }
  contract(withPrefix("memory"), inMemory());
  reasonsContract((what, run) => test(what, run, withoutOpenssl));
  tcpContract(withPrefix("tcp"));
  tlsContract(withPrefix("tls"));
  udpContract(withPrefix("udp"));
  unixContract(withPrefix("unix"));
}
