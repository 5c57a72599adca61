import { codeOf, isError } from "../core/error_message.ts";
import { HandshakeError, TlsError } from "../core/handshake.ts";

/**
 * What is offered besides TLS 1.3, by OpenSSL's names: TLS 1.2 with forward
 * secrecy and authenticated encryption. Deno offers just these by itself.
 */
export const CIPHERS: string = [
  "TLS_AES_256_GCM_SHA384",
  "TLS_AES_128_GCM_SHA256",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/** Messages of rustls, OpenSSL and BoringSSL, and their meanings. */
const MEANINGS: readonly (readonly [RegExp, string])[] = [
  [/NoCipherSuitesInCommon|no.shared.cipher/i, "no shared cipher"],
  [
    /NoKxGroupsInCommon|no.shared.group|no.suitable.(key.share|groups)/i,
    "no shared group",
  ],
  [
    /NoSignatureSchemesInCommon|no.(shared|suitable|common).signature/i,
    "no shared signature algorithm",
  ],
  [
    /unsupported.protocol|version.too.low|SignatureAlgorithmsExtensionRequired|Tls1[23]NotOffered|NotOfferedOrEnabled|SupportedVersionsExtensionRequired/i,
    "TLS version too old: 1.2 or 1.3 is needed",
  ],
  [/renegotiation/i, "renegotiation refused"],
  [/CaUsedAsEndEntity/, "the certificate is an authority's, not a server's"],
  [
    /not valid for name|NotValidForName|ALTNAME_INVALID/,
    "the certificate is for another name",
  ],
  [/CERT_HAS_EXPIRED|certificate expired/i, "the certificate has expired"],
  [/CERT_NOT_YET_VALID|not valid yet/i, "the certificate is not valid yet"],
  [
    /UnknownIssuer|certificate: BadSignature|SELF_SIGNED_CERT|UNABLE_TO_(VERIFY|GET)|UnsupportedSignatureAlgorithm/,
    "no trusted authority has issued the certificate",
  ],
  [/invalid peer certificate|\bCERT_/, "the certificate is refused"],
  [
    /InvalidContentType|InvalidEmptyPayload|wrong.version.number|http.request|https.proxy.request|unexpected.message|unexpected.record|record.type|packet.length.too.long|record.too.small/i,
    "not TLS",
  ],
];

/**
 * What has gone wrong with TLS, as a {@linkcode TlsError}; an error of another
 * kind as it is. None of the words are the peer's own.
 */
export function readTlsError(error: unknown): unknown {
  if (!isError(error) || error instanceof TlsError) return error;
  // Bun gives this the code of a reset.
  if (error.message.startsWith("Client network socket disconnected before")) {
    return new TlsError(LEFT, { cause: error });
  }
  const code = codeOf(error);
  if (code !== undefined && code !== "EPROTO") return error;
  const library = code === "EPROTO" ||
    ["InvalidData", "UnexpectedEof"].includes(error.name) ||
    "code" in error && /SSL|TLS|CERT|UNABLE_TO/.test(String(error.code));
  return library ? new TlsError(meaningOf(error), { cause: error }) : error;
}

function meaningOf(error: Error): string {
  if (error.name === "UnexpectedEof") return LEFT;
  const code = "code" in error ? error.code : "";
  const text = `${code} ${error.message}`;
  const [, rustls, openssl] =
    /fatal alert: ([A-Za-z]+)|alert[ _]([a-z_ ]+)/i.exec(error.message) ?? [];
  const alert = rustls?.replace(/([a-z])([A-Z])/g, "$1 $2") ??
    openssl?.replaceAll("_", " ");
  if (alert) return `the peer's alert: ${alert.trim().toLowerCase()}`;
  return MEANINGS.find(([pattern]) => pattern.test(text))?.[1] ??
    "malformed TLS";
}

/** The error if a peer ends the connection during the handshake. */
const LEFT = "the peer left during the handshake";

/**
 * What has gone wrong in a client's handshake. What is not TLS's is that the
 * client has gone: only Deno tells an end from a reset here.
 */
export function readHandshakeError(error: unknown): HandshakeError {
  const read = readTlsError(error);
  const reason = read instanceof TlsError ? read.reason : LEFT;
  return new HandshakeError(reason, { cause: error });
}

/** The error of a peer that ends a connection in the handshake. */
export function leftInHandshake(): HandshakeError {
  return new HandshakeError(LEFT);
}
