/** Whether everything is to take as long as it is said to: `deno task soak`. */
export const FULL = Deno.args.includes("--full");

/** How much there is, compared with that, of what takes long or takes much. */
export const SCALE = FULL ? 1 : 0.1;

/** Says what has been measured, when that is asked for. */
export function report(figure: string): void {
  if (FULL) console.log(figure);
}
