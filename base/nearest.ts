/** Edits (insert, delete, replace, swap of neighbours) that make `b` of `a`. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, index) => index)];
  const cell = (row: number, column: number): number => rows[row]?.[column] ?? 0;
  for (let i = 1; i <= a.length; i++) {
    rows.push([i]);
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(cell(i - 1, j) + 1, cell(i, j - 1) + 1, cell(i - 1, j - 1) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, cell(i - 2, j - 2) + 1);
      (rows[i] as number[]).push(best);
    }
  }
  return cell(a.length, b.length);
}

/** The known name that `name` is most likely meant to be; undefined when none is near. Case counts for nothing. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  const wanted = name.slice(0, 100).toLowerCase();
  let found: { name: string; edits: number } | undefined;
  for (const candidate of known) {
    const other = candidate.toLowerCase();
    const most = Math.max(1, Math.floor(Math.max(wanted.length, other.length) / 3));
    const contained = wanted.length > 3 && (other.includes(wanted) || (other.length > 3 && wanted.includes(other)));
    const edits = contained ? Math.min(most, distance(wanted, other)) : distance(wanted, other);
    if (edits <= most && (found === undefined || edits < found.edits)) found = { name: candidate, edits };
  }
  return found?.name;
}

const listed = 40;

/** Remedy for a name that is not known: the nearest one, and all there are. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const all = [...known];
  if (all.length === 0) return "There is none: remove it.";
  const near = nearest(name, all);
  const rest = all.length > listed ? `, and ${all.length - listed} more` : "";
  return `${near === undefined ? "" : `Did you mean \`${near}\`? `}Known: ${all.slice(0, listed).join(", ")}${rest}.`;
}
