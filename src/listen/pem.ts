import { createPrivateKey, X509Certificate } from "node:crypto";

/**
 * Checks that `cert` holds a certificate in PEM, and `key` the private key that
 * belongs to it. Throws an Error that says what is wrong with which of them, by
 * the names they are given.
 */
export function checkPem(
  cert: string,
  key: string,
  names: { cert: string; key: string },
): void {
  const certificate = attempt(
    () => new X509Certificate(blockOf(cert, "CERTIFICATE")),
    `${names.cert} holds no certificate in PEM`,
  );
  const privateKey = attempt(
    () => createPrivateKey(blockOf(key, "(?:[A-Z]+ )?PRIVATE KEY")),
    `${names.key} holds no private key in PEM, or one with a passphrase`,
  );
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new Error(
      `${names.key} does not fit the certificate in ${names.cert}`,
    );
  }
}

/** The first block of a kind; a file may hold several, and text between them. */
function blockOf(pem: string, label: string): string {
  const block = `-----BEGIN ${label}-----.*?-----END ${label}-----`;
  return RegExp(block, "s").exec(pem)?.[0] ?? "";
}

function attempt<T>(read: () => T, message: string): T {
  try {
    return read();
  } catch (cause) {
    throw new Error(message, { cause });
  }
}
