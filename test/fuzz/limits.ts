/** A case that takes longer than this counts as a hang, ms; the longest of the product's own limits is a third of it. */
export const longestCaseMs = 20_000;
