import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { listen, serve } from "../../mod.ts";
import { loadRuntime } from "../../src/runtimes/detect.ts";
import { assert, assertEquals, assertRejects } from "../helpers/assert.ts";
import {
  certificate,
  certificateWith,
  openssl,
  otherKey,
  TemporaryDirectory,
} from "../helpers/certificates.ts";
import { pattern } from "../helpers/client.ts";
import type { Test } from "./connection_contract.ts";
import { Fixture } from "../helpers/fixtures.ts";
import { portOf, TLS } from "../helpers/transports.ts";

/**
 * Whether a connection that the server closes is closed although its client says
 * nothing, or takes nothing. Deno frees its place, and leaves it to the client to
 * go: it closes nothing before the handshake is done and everything is sent.
 */
const CLOSES = !("Deno" in globalThis);

/** States what is TLS's own on every runtime. */
export function tlsContract(test: Test): void {
  test("listen() says what is wrong with a certificate or its key", async () => {
    const { cert, key } = certificate();
    const rsa = certificateWith("-newkey", "rsa:2048");
    const curve = ["ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"];
    const [none, damaged, first] = [
      "cert holds no certificate in PEM",
      "cert holds a certificate that is damaged",
      cert.slice(0, 200),
    ];
    const passphrase = "key holds a private key with a passphrase";
    const other = "key holds a private key that is damaged, or of another kind";
    const { csr, version1 } = signed(key);
    const wrong: [Pem, Pem, string][] = [
      ["", key, "cert is empty"],
      [" \n", key, "cert is empty"],
      [cert, new Uint8Array(), "key is empty"],
      ["not PEM", key, none],
      ["0 is no PEM either", key, none],
      [key, key, none],
      [csr, key, none],
      [cert.replaceAll("M", "!"), key, damaged],
      [first, key, damaged],
      [cert.slice(0, cert.indexOf("-----END")), key, damaged],
      [cert.replace("\n", "\n!"), key, damaged],
      [cert + first, key, damaged],
      [openssl(cert, "x509", "-outform", "DER"), key, "cert is in DER"],
      [latin1(openssl(cert, "x509", "-outform", "DER")), key, "cert is in DER"],
      [utf16(cert), key, "cert is in UTF-16"],
      [cert, utf16(key), "key is in UTF-16"],
      [cert, "not PEM", "key holds no private key in PEM"],
      [cert, cert, "key holds no private key in PEM"],
      [cert, openssl(key, "pkey", "-pubout"), "key holds no private key"],
      [cert, openssl(key, "pkey", "-outform", "DER"), "key is in DER"],
      [cert, openssl(key, "pkcs8", "-topk8", ...PASS), passphrase],
      [cert, openssl(key, "ec", "-aes128", ...PASS), passphrase],
      [cert, key.replace(/\n.{9}/, "\nAAAAAAAAA"), other],
      [cert, key.slice(0, 100), other],
      [cert, certificateWith("-newkey", "rsa:1024").key, other],
      [cert, certificateWith("-newkey", "rsa-pss").key, other],
      [cert, certificateWith("-newkey", ...curve).key, other],
      [cert, otherKey(), "key does not fit the certificate in cert"],
      [cert, rsa.key, "key does not fit the certificate in cert"],
      [
        version1,
        key,
        "cert holds a certificate of X.509 version 1",
      ],
    ];
    for (const [cert, key, reason] of wrong) {
      await assertRejects(
        () => listen({ transport: "tls", port: 0, cert, key }),
        Error,
        `Cannot listen on tls://127.0.0.1:0: ${reason}`,
      );
    }
  });

  test("listen() takes certificates and keys as people have them", async () => {
    const { cert, key } = certificate();
    const rsa = certificateWith("-newkey", "rsa:2048");
    const mark = "\ufeff";
    const bytes = new TextEncoder();
    const both = `A comment, très bien\n${key}\nand\n${cert}\nthe end`;
    const lines = (pem: string, end: string) => pem.replaceAll("\n", end);
    const ed25519 = certificateWith("-newkey", "ed25519");
    const right: [Pem, Pem][] = [
      [both, both],
      [mark + cert, mark + key],
      [bytes.encode(mark + cert), bytes.encode(mark + key)],
      [lines(cert, "\r\n"), lines(key, "\r\n")],
      [lines(cert, " \n\n"), lines(key, " \n\n")],
      [lines(cert, "\n  "), lines(key, "\n  ")],
      [cert.trim(), key.trim()],
      // Its own one is not the first.
      [rsa.cert + cert, key],
      [cert + rsa.cert, key],
      [cert, openssl(key, "ec")],
      [`0\0\ufffd\n${cert}`, key],
      ...["P-384", "P-521"].map((name): [Pem, Pem] => {
        const options = ["ec", "-pkeyopt", `ec_paramgen_curve:${name}`];
        const { cert, key } = certificateWith("-newkey", ...options);
        return [cert, key];
      }),
      [rsa.cert, rsa.key],
      [rsa.cert, openssl(rsa.key, "rsa", "-traditional")],
      [ed25519.cert, ed25519.key],
    ];
    for (const [cert, key] of right) {
      await using server = serve(
        await listen({ transport: "tls", port: 0, cert, key }),
      );
      const output = await sClient(portOf(server.addr), []);
      assert(/Cipher is TLS_/.test(output), output);
    }
  });

  test("listen() takes a certificate that has expired", async () => {
    const { key } = certificate();
    const cert = signed(key).expired;
    await using server = serve(
      await listen({ transport: "tls", port: 0, cert, key }),
    );
    const output = await sClient(portOf(server.addr), []);
    assert(/certificate has expired/.test(output), output);
  });

  test("listen() puts the certificates of a file in their order", async () => {
    using directory = new TemporaryDirectory();
    const { chain, key } = makeChain(directory);
    for (const order of [[0, 1, 2], [2, 1, 0], [1, 2, 0]]) {
      const cert = order.map((index) => chain[index]).join("");
      await using server = serve(
        await listen({ transport: "tls", port: 0, cert, key }),
      );
      const output = await sClient(portOf(server.addr), ["-showcerts"]);
      const subjects = [...output.matchAll(/^ ?\d s:.*?(\w+)$/gm)];
      assertEquals(subjects.map(([_, name]) => name), ["leaf", "mid", "root"]);
    }
  });

  test("listen() keeps the certificates that have nothing to do with the others", async () => {
    const { cert, key } = certificate();
    const other = certificateWith("-newkey", "ed25519", "-subj", "/CN=other");
    await using server = serve(
      await listen({
        transport: "tls",
        port: 0,
        cert: other.cert + cert,
        key,
      }),
    );
    const output = await sClient(portOf(server.addr), ["-showcerts"]);
    const subjects = [...output.matchAll(/^ ?\d s:.*?(\w+)$/gm)];
    assertEquals(subjects.map(([_, name]) => name), ["localhost", "other"]);
  });

  test("No message has anything of a certificate or a key", async () => {
    const { cert, key } = certificate();
    const bytes = new TextEncoder().encode(key);
    for (
      const options of [
        { cert: key, key: cert },
        { cert: bytes, key: bytes },
        { cert, key: [...bytes] },
        { cert: [key], key },
        { cert: { key }, key },
        { cert, key: key.slice(0, 150) },
        { cert, key: otherKey() },
        { cert, key: `${key.slice(0, 60)}${key}` },
        { cert, key: new Uint8Array() },
      ]
    ) {
      const error = await assertRejects(
        () =>
          Reflect.apply(listen, undefined, [
            { transport: "tls", port: 0, ...options },
          ]),
        Error,
        "Cannot listen",
      );
      for (let at: unknown = error; at instanceof Error; at = at.cause) {
        const said = String(at.message);
        assert(said.length < 250, said);
        assert(!/BEGIN|45,\s*45|MI[A-Z]/.test(said), said);
      }
    }
  });

  test("A handshake that fails costs its own place only", async () => {
    await using fixture = await Fixture.start(TLS);
    const port = portOf(fixture.server.addr);
    const failing: ((socket: Socket) => void)[] = [
      (socket) => socket.end(),
      (socket) => socket.end("GET / HTTP/1.0\r\n\r\n"),
      (socket) => socket.write(new Uint8Array(1_000)),
      (socket) => socket.resetAndDestroy(),
    ];
    for (const fail of failing) {
      const socket = connect({ port, host: "127.0.0.1" });
      socket.on("error", () => {});
      socket.resume();
      const closed = new Promise((resolve) => socket.once("close", resolve));
      await new Promise((resolve) => socket.once("connect", resolve));
      fail(socket);
      await closed;
    }
    await using client = await fixture.connect();
    assertEquals(await client.echo(pattern(9)), pattern(9));
    const { accepted } = fixture.stats;
    // One that is reset at once may have gone before it was accepted.
    assert(accepted === 4 || accepted === 5);
    await fixture.closedCount(accepted - 1);
    assertEquals(fixture.stats.failed, accepted - 1);
  });

  test("A client that never begins its handshake is closed, and has failed", async () => {
    const runtime = await loadRuntime();
    const listener = await runtime.listen({
      ...certificate(),
      transport: "tls",
      hostname: "127.0.0.1",
      port: 0,
      reusePort: false,
      resets: false,
      backlog: 1,
      handshakeTimeout: 50,
      plainFirst: false,
    });
    const errors: unknown[] = [];
    await using server = serve(listener, {
      onError: (error) => errors.push(error),
    });
    const socket = connect(portOf(server.addr), "127.0.0.1");
    socket.resume();
    const closed = new Promise((resolve) => socket.once("close", resolve));
    while (server.stats().accepted === 0) await turn();
    while (server.stats().active > 0) await turn();
    if (!CLOSES) socket.destroy();
    await closed;
    assertEquals(server.stats().failed, 1);
    assertEquals(errors.map(String), [
      "Error: TLS failed: no handshake within 0.05 s",
    ]);
  });

  test("What is not TLS ends a connection at once, also after its handshake", async () => {
    await using fixture = await Fixture.start(TLS, { maxConnections: 1 });
    await using broken = await fixture.connect();
    assertEquals(await broken.echo(pattern(9)), pattern(9));
    await using next = await fixture.connect();
    broken.sendRaw("plain text, and more of it");
    assertEquals(await next.echo(pattern(9)), pattern(9));
    const [closed] = fixture.closed;
    assertEquals(closed?.reason, "error");
    assertEquals(closed?.error, "not TLS");
    assertEquals(fixture.stats.failed, 1);
  });

  test("A connection that has failed says why, in the same words everywhere", async () => {
    await using fixture = await Fixture.start(TLS);
    const port = portOf(fixture.server.addr);
    const failing: [() => Promise<unknown>, string][] = [
      [() => sClient(port, CBC), "no shared cipher"],
      [
        () => sClient(port, OLD),
        "TLS version too old: 1.2 or 1.3 is needed",
      ],
      [
        () => sClient(port, ["-tls1_2", "-verify_return_error"]),
        "the peer's alert: unknown ca",
      ],
      [() => sendPlain(port, "GET / HTTP/1.0\r\n\r\n"), "not TLS"],
      [() => sendPlain(port, "SSH-2.0-OpenSSH\r\n"), "not TLS"],
      [() => sendPlain(port, new Uint8Array(1_000)), "not TLS"],
      [() => sendPlain(port, ""), "the peer left during the handshake"],
      [
        () => sendPlain(port, new Uint8Array([0x16, 3, 1])),
        "the peer left during the handshake",
      ],
      [
        () => resetOnce(port, () => fixture.stats.active > 0),
        "the peer left during the handshake",
      ],
    ];
    for (const [index, [fail]] of failing.entries()) {
      await fail();
      await fixture.closedCount(index + 1);
    }
    assertEquals(
      fixture.closed.map(({ reason, error }) => [reason, error]),
      failing.map(([_, error]) => ["handshake", error]),
    );
  });

  test("TLS 1.3, and 1.2 with AEAD and forward secrecy, are all there is", async () => {
    await using fixture = await Fixture.start(TLS);
    const port = portOf(fixture.server.addr);
    const right = [
      "-tls1_3",
      "-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384",
      "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256",
      "-tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305",
    ];
    for (const options of right) {
      const output = await sClient(port, options.split(" "));
      assert(/Cipher is (TLS_|ECDHE)/.test(output), `${options}: ${output}`);
      assert(output.includes("Compression: NONE"), output);
    }
    for (
      const options of [
        OLD,
        CBC,
        ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA384"],
        // Neither forward secrecy nor a certificate.
        ["-tls1_2", "-cipher", "kRSA:kPSK:aNULL:@SECLEVEL=0"],
        ["-tls1_2", "-cipher", "AESCCM:@SECLEVEL=0"],
      ]
    ) {
      const output = await sClient(port, options);
      assert(output.includes("Cipher is (NONE)"), `${options}: ${output}`);
    }
  });

  test("A client may not renegotiate", async () => {
    await using fixture = await Fixture.start(TLS);
    const port = portOf(fixture.server.addr);
    const output = await sClient(port, ["-tls1_2"], (output, write) => {
      if (output.includes("STILL HERE")) return true;
      if (output.includes("RENEGOTIATING")) write("STILL HERE\n");
      else if (output.includes("Verify return code")) write("R\n");
      return false;
    });
    assert(/no renegotiation/.test(output), output);
    assert(!output.includes("STILL HERE"), output);
  });

  test("shutdown() ends a client in its handshake", async () => {
    const fixture = await Fixture.start(TLS);
    const socket = connect(portOf(fixture.server.addr), "127.0.0.1");
    socket.resume();
    const closed = new Promise((resolve) => socket.once("close", resolve));
    while (fixture.stats.active === 0) await turn();
    await fixture.server.shutdown({ grace: 0 });
    if (!CLOSES) socket.destroy();
    await closed;
    assertEquals(fixture.closed.map(({ reason }) => reason), ["shutdown"]);
  });
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

type Pem = string | Uint8Array;

const PASS = ["-passout", "pass:secret"];

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Text in UTF-16, as some editors save it. */
function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function utf16(text: string): Uint8Array {
  return new Uint8Array(
    Uint16Array.from(`\ufeff${text}`, (letter) => letter.charCodeAt(0)).buffer,
  );
}

/**
 * What a key has signed: a request for a certificate, one of X.509 version 1, as
 * old instructions make them, and one that has expired.
 */
function signed(key: string) {
  using directory = new TemporaryDirectory();
  const [file, extensions] = [directory.file("key"), directory.file("ext")];
  writeFileSync(file, key);
  writeFileSync(extensions, "subjectAltName=DNS:localhost");
  const subject = ["-key", file, "-subj", "/CN=localhost"];
  const csr = text(openssl("", "req", "-new", ...subject));
  const sign = (...options: string[]) =>
    openssl(csr, "x509", "-req", "-signkey", file, ...options);
  return {
    csr,
    // Its third byte is where one of version 3 has its version.
    version1: sign("-set_serial", "0x010102"),
    expired: sign("-extfile", extensions, "-days", "-1"),
  };
}

/** A certificate, its issuer's, and the issuer's of that. */
function makeChain(
  directory: TemporaryDirectory,
): { chain: string[]; key: string } {
  const chain: string[] = [];
  let key = "";
  for (const [name, issuer] of [["root"], ["mid", "root"], ["leaf", "mid"]]) {
    const keyFile = directory.file(`${name}.key`);
    key = text(openssl("", "genpkey", ...GENERATE, "-out", keyFile)) ||
      readFileSync(keyFile, "utf8");
    const subject = ["-key", keyFile, "-subj", `/CN=${name}`];
    const file = directory.file(`${name}.pem`);
    if (issuer) {
      const by = [
        "-CA",
        directory.file(`${issuer}.pem`),
        "-CAkey",
        directory.file(`${issuer}.key`),
        "-CAcreateserial",
      ];
      const extensions = directory.file("extensions");
      const isAuthority = name === "mid" ? "TRUE" : "FALSE";
      writeFileSync(extensions, `basicConstraints=CA:${isAuthority}`);
      openssl(
        text(openssl("", "req", "-new", ...subject)),
        ...["x509", "-req", ...by, "-extfile", extensions, "-out", file],
      );
    } else {
      openssl("", "req", "-x509", ...subject, "-out", file);
    }
    chain.unshift(readFileSync(file, "utf8"));
  }
  return { chain, key };
}

const GENERATE = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
const OLD = ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"];
const CBC = ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:AES128-SHA"];

/**
 * What `openssl s_client` prints to its end, which is when its handshake is
 * done, unless `talk` is to say.
 */
function sClient(
  port: number,
  options: string[],
  talk: (output: string, write: (line: string) => void) => boolean = (output) =>
    output.includes("Verify return code"),
): Promise<string> {
  const args = ["s_client", "-connect", `127.0.0.1:${port}`, ...options];
  const client = spawn("openssl", args);
  let output = "";
  const said = new Set<string>();
  const write = (line: string) => {
    if (!said.has(line)) client.stdin.write(line);
    said.add(line);
  };
  const read = (chunk: unknown) => {
    output += String(chunk);
    if (talk(output, write)) client.stdin.end();
  };
  client.stdin.on("error", () => {});
  client.stdout.on("data", read);
  client.stderr.on("data", read);
  return new Promise((resolve) => client.once("close", () => resolve(output)));
}

/** Begins a handshake, and resets the connection once it is accepted. */
async function resetOnce(
  port: number,
  isAccepted: () => boolean,
): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.write(new Uint8Array([0x16, 3, 1]));
  while (!isAccepted()) await turn();
  socket.resetAndDestroy();
  await closed;
}

/** Sends bytes that are not TLS, and ends. */
function sendPlain(port: number, bytes: Uint8Array | string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.end(bytes));
    socket.on("error", () => {});
    socket.resume();
    socket.once("close", () => resolve());
  });
}
