/** Whether a series of measurements grows: a line fitted to it, with how sure its slope is. */

export interface Line {
  /** Per unit of the first coordinate. */
  slope: number;
  /** 95 % confidence interval of the slope. */
  low: number;
  high: number;
}

/**
 * Least squares over (x, y). Neighbouring measurements of memory resemble each other, so that fewer of them are independent than were taken: the interval
 * is widened by the residuals' lag-1 autocorrelation (Bartlett's effective sample size). Undefined with fewer than 8 points or when all x are equal.
 */
export function fitLine(points: readonly (readonly [x: number, y: number])[]): Line | undefined {
  const count = points.length;
  if (count < 8) return undefined;
  const meanX = sum(points, ([x]) => x) / count;
  const meanY = sum(points, ([, y]) => y) / count;
  const spread = sum(points, ([x]) => (x - meanX) ** 2);
  if (spread === 0) return undefined;
  const slope = sum(points, ([x, y]) => (x - meanX) * (y - meanY)) / spread;
  const residuals = points.map(([x, y]) => y - meanY - slope * (x - meanX));
  const squares = sum(residuals, (residual) => residual ** 2);
  const neighbours = sum(residuals.slice(1), (residual, index) => residual * (residuals[index] as number));
  const resemblance = squares === 0 ? 0 : Math.min(0.99, Math.max(0, neighbours / squares));
  const independent = Math.max(3, (count * (1 - resemblance)) / (1 + resemblance));
  const error = Math.sqrt((squares / count / spread) * (count / (independent - 2)));
  const half = quantile(independent - 2) * error;
  return { slope, low: slope - half, high: slope + half };
}

/** Medians of the first and of the last fifth. */
export function fifthsOf(values: readonly number[]): { first: number; last: number } {
  const fifth = Math.max(1, Math.floor(values.length / 5));
  return { first: median(values.slice(0, fifth)), last: median(values.slice(-fifth)) };
}

/** How far the last fifth lies above the first: slow waves, which widen a slope's interval, hide no growth from this. */
export function grownBetweenFifths(values: readonly number[]): number {
  const { first, last } = fifthsOf(values);
  return last - first;
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
}

function sum<T>(list: readonly T[], of: (item: T, index: number) => number): number {
  return list.reduce((total, item, index) => total + of(item, index), 0);
}

/** 97.5 % quantile of Student's t (Hill 1970, as an expansion of the normal quantile); exact to 1 % from 3 degrees of freedom on. */
function quantile(degrees: number): number {
  const z = 1.959964;
  const v = Math.max(1, degrees);
  if (v < 3) return v < 2 ? 12.706 : 4.303;
  const g1 = (z ** 3 + z) / 4;
  const g2 = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96;
  const g3 = (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384;
  return z + g1 / v + g2 / v ** 2 + g3 / v ** 3;
}
