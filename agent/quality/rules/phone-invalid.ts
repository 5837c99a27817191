/** A phone number that nobody can call: `auf Anfrage!`, `siehe Akte`, `0`. What a clerk wrote beside a number leaves it one. */
const leastDigits = 5;

export function isCallable(number: string): boolean {
  let digits = 0;
  for (const character of number) if (character >= "0" && character <= "9") digits += 1;
  return digits >= leastDigits;
}
