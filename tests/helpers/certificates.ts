import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory for a test's files, which goes with it. */
export class TemporaryDirectory implements Disposable {
  readonly #path = mkdtempSync(join(tmpdir(), "echod-"));

  /** The path of a file in it. */
  file(name: string): string {
    return join(this.#path, name);
  }

  [Symbol.dispose]() {
    rmSync(this.#path, { recursive: true });
  }
}

/** Makes a certificate for `localhost`, and its key. */
export function makeCertificate(cert: string, key: string): void {
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
  const files = ["-nodes", "-out", cert, "-keyout", key];
  const subject = ["-days", "2", "-subj", "/CN=localhost"];
  // Deno wants these of a certificate.
  const name = ["-addext", "subjectAltName=DNS:localhost"];
  const use = ["-addext", "basicConstraints=critical,CA:FALSE"];
  const args = [
    "req",
    "-x509",
    ...curve,
    ...files,
    ...subject,
    ...name,
    ...use,
  ];
  execFileSync("openssl", args, { stdio: "ignore" });
}

/** A self-signed certificate and its key, in PEM, made with more options of `openssl req`. */
export function certificateWith(
  ...options: string[]
): { cert: string; key: string } {
  using directory = new TemporaryDirectory();
  const [cert, key] = [directory.file("cert.pem"), directory.file("key.pem")];
  const files = ["-nodes", "-out", cert, "-keyout", key];
  const name = [
    "-subj",
    "/CN=localhost",
    "-addext",
    "subjectAltName=DNS:localhost",
  ];
  execFileSync("openssl", ["req", "-x509", ...files, ...name, ...options], {
    stdio: "ignore",
  });
  return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
}

/** What `openssl` makes of its input. */
export function openssl(input: string, ...args: string[]): Uint8Array {
  return execFileSync("openssl", args, {
    input,
    stdio: ["pipe", "pipe", "ignore"],
  });
}

let made: { cert: string; key: string } | undefined;

/** A certificate and its key, in PEM: made when first asked for. */
export function certificate(): { cert: string; key: string } {
  if (!made) {
    using directory = new TemporaryDirectory();
    const [cert, key] = [directory.file("cert.pem"), directory.file("key.pem")];
    makeCertificate(cert, key);
    made = { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
  }
  return made;
}

/** The key of another certificate, in PEM. */
export function otherKey(): string {
  using directory = new TemporaryDirectory();
  const key = directory.file("key.pem");
  makeCertificate(directory.file("cert.pem"), key);
  return readFileSync(key, "utf8");
}
