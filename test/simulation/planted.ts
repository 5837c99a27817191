/** Plants one bug in this process: must run before any module of the product is loaded. */
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { bugs } from "./bugs.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

export function plant(bug: string): void {
  const edits = bugs[bug];
  if (edits === undefined) throw new Error(`There is no bug "${bug}". Known: ${Object.keys(bugs).join(", ")}`);
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (!url.startsWith("file:")) return loaded;
      const path = fileURLToPath(url);
      const here = edits.filter(({ file }) => path === root + file);
      if (here.length === 0) return loaded;
      let source = String(loaded.source);
      for (const { file, from, to } of here) {
        if (source.split(from).length !== 2) throw new Error(`The bug "${bug}" does not fit ${file} any more: plant it anew`);
        source = source.replace(from, () => to);
      }
      return { ...loaded, source };
    },
  });
}
