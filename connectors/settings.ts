import { z } from "zod";

/** Scalars of the configuration are text (mapping.md, rule 3); these schemas convert them and say what is wanted. */

/** Whole number within limits, both included. */
export function wholeNumber(least: number, most: number): z.ZodType<number> {
  const message = `write a whole number from ${least} to ${most}`;
  return z.union([z.number(), z.string().regex(/^\d+$/, message).transform(Number)], message).refine((value) => {
    return Number.isInteger(value) && value >= least && value <= most;
  }, message);
}

/** `true` or `false`. */
export const truth: z.ZodType<boolean> = z.union(
  [z.boolean(), z.enum(["true", "false"]).transform((text) => text === "true")],
  "write true or false",
);

/** Text of at least one character. */
export const filledText: z.ZodType<string> = z.string("write a text").min(1, "must not be empty");

/** A secret is named, never written into the configuration. */
export const secretReference: z.ZodType<{ secret: string }> = z.strictObject(
  { secret: filledText },
  "write { secret: name } and store the secret with `erpfuser secret set name`",
);
