/** What was measured of a server: a figure, or why there is none. */
type Outcome = number | string;

/** The figures of several rounds, of several subjects. */
export class Results {
  readonly #outcomes = new Map<string, Map<string, Outcome[]>>();

  /** Adds a round's outcome. */
  add(subject: string, measure: string, outcome: Outcome): void {
    const measures = this.#outcomes.get(subject) ??
      new Map<string, Outcome[]>();
    this.#outcomes.set(subject, measures);
    const outcomes = measures.get(measure) ?? [];
    measures.set(measure, outcomes);
    outcomes.push(outcome);
  }

  /**
   * The median of the rounds and how far they are from it; for a subject with a
   * base, the median of the ratios to it within each round.
   */
  cell(subject: string, measure: string, base?: string): string {
    const outcomes = this.#of(subject, measure);
    const reason = outcomes.find((outcome) => typeof outcome === "string");
    if (reason !== undefined) return reason;
    const figures = outcomes.filter((outcome) => typeof outcome === "number")
      .filter(Number.isFinite);
    // A percentile of too few messages is not known.
    if (figures.length === 0) return outcomes.length === 0 ? "" : "–";
    const middle = median(figures);
    const spread = figures.length > 1 && middle > 0
      ? ` ±${
        ((Math.max(...figures) - Math.min(...figures)) / 2 / middle * 100)
          .toFixed(0)
      } %`
      : "";
    return `${format(middle)}${spread}${this.#ratio(subject, measure, base)}`;
  }

  /** The median of the rounds; NaN where there is none. */
  median(subject: string, measure: string): number {
    return median(this.#of(subject, measure).map(Number));
  }

  #ratio(subject: string, measure: string, base?: string): string {
    if (base === undefined || base === subject) return "";
    const others = this.#of(base, measure);
    const ratios = this.#of(subject, measure).flatMap((one, round) => {
      const other = others[round];
      const ratio = Number(one) / Number(other);
      return Number.isFinite(ratio) ? [ratio] : [];
    });
    return ratios.length === 0 ? "" : ` (${median(ratios).toFixed(2)})`;
  }

  #of(subject: string, measure: string): Outcome[] {
    return this.#outcomes.get(subject)?.get(measure) ?? [];
  }
}

function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const [low = NaN, high = NaN] = [Math.floor(middle), Math.ceil(middle)]
    .map((index) => sorted[index]);
  return (low + high) / 2;
}

/** A figure with three digits. */
function format(figure: number): string {
  return new Intl.NumberFormat("en", { maximumSignificantDigits: 3 })
    .format(figure);
}
