import { Buffer } from "node:buffer";
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";

/** A file in PEM: its bytes or its text. */
export type PemText = string | Uint8Array;

/** What an error calls certificate and key: for example their files. */
export interface PemNames {
  readonly cert: string;
  readonly key: string;
}

/** The keys that every runtime accepts. */
const KINDS =
  "RSA of 2048 to 8192 bits, ECDSA on P-256, P-384 or P-521, or Ed25519";
const CURVES: readonly unknown[] = ["prime256v1", "secp384r1", "secp521r1"];

/** The encoding of a block, by its label. */
const ENCODINGS: Readonly<Record<string, "pkcs8" | "pkcs1" | "sec1">> = {
  "PRIVATE KEY": "pkcs8",
  "RSA PRIVATE KEY": "pkcs1",
  "EC PRIVATE KEY": "sec1",
};

/**
 * Checks that `cert` holds certificates in PEM, and `key` the private key that
 * belongs to one of them. Returns both as every runtime takes them: without a
 * byte-order mark and what else is in the files, the server's own certificate
 * first, and each other one behind the one that it has signed. A certificate
 * may have expired.
 *
 * @throws {Error} That says what is wrong with which of them, by the names they
 * are given, with nothing of what is in them.
 */
export function checkPem(
  cert: PemText,
  key: PemText,
  names: PemNames,
): { cert: string; key: string } {
  const rest = certificatesIn(cert, names.cert);
  const privateKey = privateKeyIn(key, names.key);
  let next = rest.find((one) => one.checkPrivateKey(privateKey));
  if (!next) {
    throw new Error(
      `${names.key} does not fit the certificate in ${names.cert}`,
    );
  }
  if (!isVersion3(next.raw)) {
    throw new Error(
      `${names.cert} holds a certificate of X.509 version 1: version 3 is needed`,
    );
  }
  const chain: X509Certificate[] = [];
  while (next) {
    const { issuer }: X509Certificate = next;
    chain.push(next);
    rest.splice(rest.indexOf(next), 1);
    next = rest.find(({ subject }) => subject === issuer);
  }
  const pkcs8 = privateKey.export({ type: "pkcs8", format: "pem" });
  return { cert: toPem([...chain, ...rest]), key: pkcs8.toString() };
}

/**
 * Checks that `pem` holds certificates in PEM, and returns them as every runtime
 * takes them.
 *
 * @throws {Error} That says what is wrong with it, by its name.
 */
export function checkCertificates(pem: PemText, name: string): string {
  return toPem(certificatesIn(pem, name));
}

function certificatesIn(pem: PemText, name: string): X509Certificate[] {
  const blocks = blocksOf(textOf(pem, name), "(?:X509 )?CERTIFICATE");
  if (blocks.length === 0) {
    throw new Error(`${name} holds no certificate in PEM`);
  }
  return blocks.map(({ der }) => {
    try {
      return new X509Certificate(der ?? "");
    } catch {
      throw new Error(`${name} holds a certificate that is damaged`);
    }
  });
}

function privateKeyIn(pem: PemText, name: string): KeyObject {
  const [block] = blocksOf(textOf(pem, name), "(?:[A-Z]+ )?PRIVATE KEY");
  if (!block) throw new Error(`${name} holds no private key in PEM`);
  if (block.encrypted) {
    throw new Error(
      `${name} holds a private key with a passphrase: one without is needed`,
    );
  }
  const { der, label } = block;
  const type = ENCODINGS[label];
  const unusable =
    `${name} holds a private key that is damaged, or of another kind than ${KINDS}`;
  if (!der || !type) throw new Error(unusable);
  let key;
  try {
    key = createPrivateKey({ key: der, format: "der", type });
  } catch {
    // The message of the library may contain a part of the key.
    throw new Error(unusable);
  }
  if (!isKnown(key)) throw new Error(unusable);
  return key;
}

function isKnown({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject) {
  const { modulusLength = 0, namedCurve } = asymmetricKeyDetails ?? {};
  return asymmetricKeyType === "ed25519" ||
    CURVES.includes(namedCurve) ||
    asymmetricKeyType === "rsa" && modulusLength >= 2048 &&
      modulusLength <= 8192;
}

interface Block {
  readonly label: string;
  /** Undefined where it is cut off, or is not base64. */
  readonly der: Buffer | undefined;
  readonly encrypted: boolean;
}

/** The blocks of a kind; a file may hold others, and text between them. */
function blocksOf(text: string, label: string): Block[] {
  const headers = "(\\s*Proc-Type: 4,ENCRYPTED)?";
  const block =
    `-----BEGIN (${label})-----${headers}([^-]*)(-----END \\1-----)?`;
  return [...text.matchAll(RegExp(block, "g"))].map(
    ([_, label = "", encrypted, body = "", end]) => {
      const base64 = body.replace(/\s/g, "");
      const isWhole = end && /^[A-Za-z\d+/]+={0,2}$/.test(base64);
      return {
        label,
        der: isWhole ? Buffer.from(base64, "base64") : undefined,
        encrypted: label.startsWith("ENCRYPTED") || encrypted !== undefined,
      };
    },
  );
}

function textOf(pem: PemText, name: string): string {
  const isText = typeof pem === "string";
  // A byte-order mark goes with decoding.
  const text = isText ? pem : new TextDecoder().decode(pem);
  const first = isText ? pem.charCodeAt(0) : pem[0];
  if (text.trim() === "") throw new Error(`${name} is empty`);
  if (text.includes("-----BEGIN")) return text;
  // DER begins with this, and no text contains it.
  if (first === 0x30 && /[\0\ufffd]/.test(text)) {
    throw new Error(`${name} is in DER or PKCS #12: PEM is needed`);
  }
  if (text.includes("\0")) {
    throw new Error(`${name} is in UTF-16 or binary: PEM in UTF-8 is needed`);
  }
  return text;
}

/** Reports whether a certificate in DER is of version 3. */
function isVersion3(der: Uint8Array): boolean {
  const contentAt = (at: number) => {
    const length = der[at + 1] ?? 0;
    return at + 2 + (length & 0x80 ? length & 0x7f : 0);
  };
  const version = contentAt(contentAt(0));
  return der[version] === 0xa0 && der[version + 4] === 2;
}

function toPem(certificates: readonly X509Certificate[]): string {
  return certificates.map(({ raw }) => {
    const lines = Buffer.from(raw).toString("base64").match(/.{1,64}/g) ?? [];
    return [
      "-----BEGIN CERTIFICATE-----",
      ...lines,
      "-----END CERTIFICATE-----\n",
    ].join("\n");
  }).join("");
}
