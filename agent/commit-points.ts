import type { ReplyPoint } from "./channel/downstream.ts";
import type { WritePoint } from "./writeback/parts.ts";

/** Named moments around each commit of a command's way; fault tests kill the process there. */
export type NamedPoint = WritePoint | ReplyPoint;
export type AtPoint = (point: NamedPoint) => void;

export const nothingHappens: AtPoint = () => {};
