/** A case that takes longer than this counts as a hang, ms. */
export const longestCaseMs = 60_000;

/** Longest wait for one answer, one end, one new link, ms: the product's own limits are 3 s at the most, the rest is for a busy machine. */
export const patienceMs = 20_000;
