import { renameSync, writeFileSync } from "node:fs";

/** Replaces the file at once: whoever has it open never sees half of it. @throws what the file system says */
export function replaceFile(file: string, text: string, { mode }: { mode?: number } = {}): void {
  writeFileSync(`${file}.new`, text, mode === undefined ? {} : { mode });
  renameSync(`${file}.new`, file);
}
