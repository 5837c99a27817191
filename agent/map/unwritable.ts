/** The reason behind an error of a plan's values, through the errors that carry it out of a step. */
import { Unwritable } from "./reader-texts.ts";

export function unwrapped(error: unknown): Unwritable | undefined {
  if (error instanceof Unwritable) return error;
  return error instanceof Error && error.cause !== undefined ? unwrapped(error.cause) : undefined;
}
