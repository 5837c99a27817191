/** A close frame holds 123 bytes of reason at the most (RFC 6455, 5.5). */
export function fittingReason(reason: string): string {
  const bytes = Buffer.from(reason);
  return bytes.length <= 123
    ? reason
    : `${bytes
        .subarray(0, 119)
        .toString("utf8")
        .replace(/\uFFFD$/, "")}…`;
}
