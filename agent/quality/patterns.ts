/** Patterns of addresses, in which `*` stands for anything. */

/** Whether an address (in small letters) fits one of the patterns (likewise). */
export function patternTest(patterns: readonly string[]): (address: string) => boolean {
  if (patterns.length === 0) return () => false;
  const any = new RegExp(`^(?:${patterns.map(toExpression).join("|")})$`);
  return (address) => any.test(address);
}

const toExpression = (pattern: string): string =>
  pattern
    .split("*")
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"))
    .join("[^\\s]*");
