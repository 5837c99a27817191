/** Why the portal could not be reached: every failure of network, TLS, proxy and handshake as an error with its code and remedy. */
import { FuserError } from "../../base/errors.ts";
import { formatDuration } from "../../base/time.ts";
import { httpFault } from "../../protocol/enrolment.ts";

/** What was tried. */
export interface Attempt {
  operation: string;
  /** Address without credentials. */
  place: string;
  /** Proxy on the way, without credentials. */
  proxy: string | undefined;
}

interface Verdict {
  kind: "transient" | "config";
  code: string;
  message: string;
  hint: string;
}

const through = (attempt: Attempt): string => (attempt.proxy === undefined ? "" : ` through the proxy ${attempt.proxy}`);

const make = (attempt: Attempt, verdict: Verdict, cause?: unknown): FuserError =>
  new FuserError(verdict.kind, verdict.message, {
    code: verdict.code,
    operation: attempt.operation,
    place: attempt.place,
    hint: verdict.hint,
    cause,
  });

const unknownIssuer = new Set([
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
]);

/** What OpenSSL says, in its code or only in its message, of bytes that were spoilt on the way (RFC 8446, 6.2): the next try may well pass. */
const spoiltOnTheWay =
  /(bad.record.mac|bad.decrypt|decrypt.error|decryption.failed|decode.error|digest.check.failed|bad.signature)/i;

/** True for a certificate whose issuer nobody here trusts: the issuer can then be asked for and named. */
export function isUnknownIssuer(error: unknown): boolean {
  return unknownIssuer.has(codeOf(error));
}

function codeOf(error: unknown): string {
  return (error as { code?: string } | null)?.code ?? "";
}

/** Classifies what the network or TLS reported. `issuer`: whom the untrusted certificate names, where it could be read. */
export function connectFailure(error: unknown, attempt: Attempt, issuer?: string): FuserError {
  if (error instanceof FuserError) return error;
  // Happy Eyeballs tries several addresses and reports all.
  const first = error instanceof AggregateError && error.errors.length > 0 ? error.errors[0] : error;
  return make(attempt, isUnknownIssuer(first) ? untrusted(attempt, issuer) : verdictOf(first, attempt), error);
}

function untrusted(attempt: Attempt, issuer: string | undefined): Verdict {
  const named = issuer === undefined ? "" : `; it was issued by "${issuer}"`;
  return {
    kind: "config",
    code: "tls-unknown-ca",
    message: `The certificate shown for the portal is not trusted here${named}`,
    hint: `If that is your own TLS-inspecting proxy or firewall, name its root certificate under agent.caFile or exempt ${attempt.place} from inspection. Otherwise somebody may be listening.`,
  };
}

function verdictOf(error: unknown, attempt: Attempt): Verdict {
  const code = codeOf(error);
  const proxied = through(attempt);
  switch (code) {
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return {
        kind: "transient",
        code: "portal-host-unknown",
        message: `The name can't be resolved${attempt.proxy === undefined ? "" : `; it may be that of the proxy ${attempt.proxy}`}`,
        hint: "Check agent.portal for a typing mistake, and this machine's DNS.",
      };
    case "ECONNREFUSED":
      return {
        kind: "transient",
        code: "portal-refused",
        message: `Nobody accepts connections there${proxied}`,
        hint: "Check address, port and firewall.",
      };
    case "ETIMEDOUT":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "EADDRNOTAVAIL":
      return {
        kind: "transient",
        code: "portal-unreachable",
        message: `There is no way to the portal${proxied}`,
        hint: "Let the firewall pass outgoing connections to it on port 443, or name a proxy under agent.proxy.",
      };
    case "CERT_HAS_EXPIRED":
      return {
        kind: "config",
        code: "tls-expired",
        message: "The portal's certificate has expired",
        hint: "Check this machine's date; if it is right, tell the portal's operator.",
      };
    case "CERT_NOT_YET_VALID":
      return {
        kind: "config",
        code: "tls-not-yet-valid",
        message: "The portal's certificate is not valid yet",
        hint: "Check this machine's date and time.",
      };
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return {
        kind: "config",
        code: "tls-host-mismatch",
        message: `The certificate shown there is for another host${altNames(error)}`,
        hint: "Use the portal's name exactly as its operator gave it under agent.portal.",
      };
  }
  if (/^(ERR_SSL_|EPROTO)/.test(code) && !spoiltOnTheWay.test(`${code} ${error instanceof Error ? error.message : ""}`)) {
    return {
      kind: "config",
      code: "tls-failed",
      message: `No TLS connection (1.2 or newer) can be made${proxied}`,
      hint: "Check the port; a firewall or proxy in between may be too old for TLS 1.2.",
    };
  }
  return {
    kind: "transient",
    code: "portal-unreachable",
    message: `The connection broke${code ? ` (${code})` : ""}${proxied}`,
    hint: "Look at the network between agent and portal.",
  };
}

function altNames(error: unknown): string {
  const names = (error as { cert?: { subjectaltname?: string } }).cert?.subjectaltname;
  return names === undefined ? "" : `: ${names.replaceAll("DNS:", "").slice(0, 200)}`;
}

/** An answer in place of the awaited one. */
export interface HttpAnswer {
  status: number;
  headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The first kilobytes. */
  body: string;
  /** The proxy answered, not the portal. */
  fromProxy: boolean;
}

/** Classifies an HTTP answer that is no switch of protocols. `now`: our wall clock, epoch ms. */
export function httpFailure(answer: HttpAnswer, attempt: Attempt, now: number): FuserError {
  if (answer.fromProxy) return make(attempt, proxyVerdict(answer, attempt));
  const fault = faultOf(answer.body);
  if (fault?.error === "wrong-clock") return make(attempt, wrongClock(Date.parse(fault.now) - now));
  const verdict = verdictOfStatus(answer, fault?.message);
  // A portal that does not explain itself: its clock may still show why the token was not accepted.
  const date = Date.parse(String(answer.headers.date ?? ""));
  if (answer.status === 401 && fault === undefined && Math.abs(date - now) > toleratedClockMs)
    return make(attempt, wrongClock(date - now));
  return make(attempt, verdict);
}

/** The portal accepts tokens this far from its own clock (protocol.md), ms. */
const toleratedClockMs = 5 * 60_000;

function faultOf(body: string) {
  try {
    return httpFault.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
}

function wrongClock(aheadMs: number): Verdict {
  const way = aheadMs > 0 ? "behind" : "ahead of";
  return {
    kind: "config",
    code: "clock-wrong",
    message: `This machine's clock is ${formatDuration(Math.abs(aheadMs))} ${way} the portal's`,
    hint: "Set the clock, and let it follow a time server.",
  };
}

function proxyVerdict(answer: HttpAnswer, attempt: Attempt): Verdict {
  const proxy = attempt.proxy ?? "";
  if (answer.status === 407) {
    return {
      kind: "config",
      code: "proxy-login-refused",
      message: `The proxy ${proxy} wants a valid user and password`,
      hint: "Set agent.proxy.user and agent.proxy.password (a secret). NTLM and Kerberos are not supported: allow basic login for this address, or exempt it.",
    };
  }
  const kind = answer.status >= 500 ? "transient" : "config";
  const hint = "Let the proxy's admin allow CONNECT to the portal on its port.";
  return {
    kind,
    code: "proxy-refused",
    message: `The proxy ${proxy} does not connect to the portal (HTTP ${answer.status})`,
    hint,
  };
}

function verdictOfStatus(answer: HttpAnswer, told: string | undefined): Verdict {
  const { status } = answer;
  const says = told === undefined ? "" : `: ${told}`;
  if (status === 401) {
    const hint = "Enrol this agent again: create a code in the portal and run `erpfuser enrol CODE`.";
    return { kind: "config", code: "portal-key-refused", message: `The portal does not accept this agent's key${says}`, hint };
  }
  if (status === 403) {
    const hint = "Ask the portal's operator; a firewall in between may answer so, too.";
    return { kind: "config", code: "portal-forbidden", message: `Access is forbidden (HTTP 403)${says}`, hint };
  }
  if (status === 404 || status === 410 || status === 405) {
    const hint = "Check the path of agent.portal; enrolment tells the right address.";
    return {
      kind: "config",
      code: "portal-address-wrong",
      message: `There is no portal at this address (HTTP ${status})${says}`,
      hint,
    };
  }
  if (status === 429 || status >= 500) {
    const hint = "Nothing is lost; the agent tries again.";
    return {
      kind: "transient",
      code: "portal-unavailable",
      message: `The portal is not available (HTTP ${status})${says}`,
      hint,
    };
  }
  const hint = "Check agent.portal; another server seems to answer at this address.";
  return {
    kind: "config",
    code: "portal-no-channel",
    message: `The answer is not that of a portal (HTTP ${status})${says}`,
    hint,
  };
}
