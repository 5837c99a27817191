/** An instant for people, in local time to the second; `-` for none. */
export function when(epochMs: number | undefined): string {
  if (epochMs === undefined) return "-";
  const date = new Date(epochMs);
  const pad = (value: number): string => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  return `${day} ${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}
