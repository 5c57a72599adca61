import {
  codeOf,
  explain,
  isError,
  reasonOf,
} from "../../src/core/error_message.ts";
import { assertEquals } from "../helpers/assert.ts";

function systemError(code: unknown, more: object = {}): Error {
  return Object.assign(new Error("the runtime's words"), { code, ...more });
}

Deno.test("explain() has words for errors of the system only", () => {
  assertEquals(explain(systemError("ETIMEDOUT")), "no answer");
  assertEquals(explain(systemError("ENOTFOUND"), { ENOTFOUND: "own" }), "own");
  for (const code of [undefined, 5, "ERR_INVALID_ARG_TYPE", "ENOSUCHCODE"]) {
    assertEquals(explain(systemError(code)), "the runtime's words");
  }
  assertEquals(explain("text"), "text");
  assertEquals(reasonOf(new Error("no code")), undefined);
});

Deno.test("explain() leaves what has been explained", () => {
  const cause = systemError("ENOENT");
  const outer = Object.assign(new Error("Cannot do it", { cause }), {
    code: "ENOENT",
  });
  assertEquals(explain(outer), "Cannot do it");
  const denied = systemError("EACCES", { name: "NotCapable" });
  assertEquals(explain(denied), "the runtime's words");
});

Deno.test("codeOf() has one code for a name that is not there", () => {
  const syscall = "getaddrinfo";
  for (const code of ["ENOTFOUND", "EAI_NONAME", "EINVAL", "ENODATA"]) {
    assertEquals(codeOf(systemError(code, { syscall })), "ENOTFOUND");
  }
  const later = systemError("EAI_AGAIN", { syscall });
  assertEquals(explain(later), "the name cannot be looked up for now");
  assertEquals(
    explain(systemError("EPERM", { syscall })),
    "permission denied, run again with the --allow-net flag",
  );
});

Deno.test("codeOf() takes any value, and knows the names of POSIX", () => {
  const none = [undefined, null, "ENOENT", 5, () => {}, {}, { code: 5 }, {
    code: "ERR_SOCKET_CLOSED",
  }];
  assertEquals(none.map(codeOf), none.map(() => undefined));
  assertEquals(codeOf({ code: "ENOENT" }), "ENOENT");
  assertEquals(codeOf({ code: "E2BIG" }), "E2BIG");
  assertEquals(codeOf({ code: "EAI_AGAIN" }), "EAI_AGAIN");
  assertEquals(codeOf({ code: "EINVAL", syscall: "bind" }), "EINVAL");
  assertEquals(
    explain(systemError("EPERM", { syscall: "bind" })),
    "operation not permitted",
  );
});

Deno.test("isError() knows an error by what it has, not by its class", () => {
  const errors = [new TypeError("boom"), { name: "Error", message: "boom" }];
  assertEquals(errors.map(isError), [true, true]);
  const others = [undefined, null, "boom", 5, {}, { message: "boom" }, {
    name: "Error",
    message: 5,
  }, Object.assign(() => {}, { message: "boom" })];
  assertEquals(others.map(isError), others.map(() => false));
});
