import { Admission } from "../../src/core/admission.ts";
import type { NetAddr } from "../../src/core/transport.ts";
import { assertEquals, assertThrows } from "../helpers/assert.ts";

function at(hostname: string): NetAddr {
  return { transport: "tcp", hostname, port: 50_000 };
}

Deno.test("Admission remembers a host only while it has connections", () => {
  const admission = new Admission({ maxConnectionsPerHost: 2 });
  for (const hostname of ["192.0.2.1", "192.0.2.1", "2001:db8::1"]) {
    assertEquals(admission.enter(at(hostname)), undefined);
  }
  assertEquals(admission.enter(at("192.0.2.1")), "per-host");
  assertEquals(admission.hosts, 2);
  admission.leave(at("192.0.2.1"));
  assertEquals(admission.hosts, 2);
  assertEquals(admission.enter(at("192.0.2.1")), undefined);
  admission.leave(at("192.0.2.1"));
  admission.leave(at("192.0.2.1"));
  assertEquals(admission.hosts, 1);
  admission.leave(at("2001:db8::2"));
  assertEquals(admission.hosts, 0);
});

Deno.test("Admission counts neither without a limit nor on Unix sockets", () => {
  const unlimited = new Admission({});
  assertEquals(unlimited.enter(at("192.0.2.1")), undefined);
  assertEquals(unlimited.hosts, 0);
  const limited = new Admission({ maxConnectionsPerHost: 1 });
  for (let count = 0; count < 2; count++) {
    assertEquals(limited.enter({ transport: "unix", path: "" }), undefined);
  }
  assertEquals(limited.hosts, 0);
  // A server may have listeners of both kinds.
  limited.enter(at("192.0.2.1"));
  limited.leave({ transport: "unix", path: "" });
  assertEquals(limited.hosts, 1);
});

Deno.test("Admission says what admit returned that is no answer", () => {
  const answers: [answer: unknown, name: string][] = [
    [Promise.resolve(true), "a promise"],
    [Promise.reject(new Error("boom")), "a promise"],
    [undefined, "undefined"],
    [1, "number"],
  ];
  for (const [answer, name] of answers) {
    const admission: Admission = Reflect.construct(Admission, [{
      admit: () => answer,
    }]);
    assertThrows(
      () => admission.enter(at("192.0.2.1")),
      TypeError,
      `admit must return true or false, but returned ${name}`,
    );
  }
});
