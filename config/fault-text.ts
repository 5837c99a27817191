/** A schema's complaint and its remedy travel through zod in one text, and a refused key brings what is known beside it. */

import type { Fault } from "./config.ts";

export interface Known {
  known: readonly string[];
  /** Keys that a later version brings, each with what to do until then. */
  later: Readonly<Record<string, string>>;
}

export function complaint(message: string, remedy: string): string {
  return `${message}\n${remedy}`;
}

/** Message and remedy of a complaint; another library's text gets a general remedy. */
export function readComplaint(text: string): { message: string; remedy: string } {
  const cut = text.indexOf("\n");
  if (cut < 0) return { message: "is not what is expected here", remedy: "Compare it with docs/configuration.md." };
  return { message: text.slice(0, cut), remedy: text.slice(cut + 1) };
}

/** Characters of a fault's place, message and remedy at the most: a file may hold texts of any length, and what names them is read by people. */
const longest = { path: 300, message: 600, remedy: 1_200 };

/** The fault, with what is too long to read cut off. */
export function readable(fault: Fault): Fault {
  const cut = (text: string, most: number): string => (text.length <= most ? text : `${text.slice(0, most)}…`);
  const { path, line, message, remedy } = fault;
  return { path: cut(path, longest.path), line, message: cut(message, longest.message), remedy: cut(remedy, longest.remedy) };
}

/** Message and remedy for a key beside or in place of `secret`: the key is not repeated, for it may be the secret itself. */
export const strangeBySecret = [
  "A key is not known here",
  "Only `secret: NAME` may stand here; see `erpfuser secret set`.",
] as const;

export function knownKeys(known: Known): string {
  return JSON.stringify(known);
}

export function readKnownKeys(text: string): Known {
  return JSON.parse(text) as Known;
}
