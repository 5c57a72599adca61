import { formatCsv } from "../../../src/cli/bench/csv.ts";
import { formatHgrm } from "../../../src/cli/bench/hgrm.ts";
import { assertEquals } from "../../helpers/assert.ts";
import { RESULT } from "../../helpers/bench_result.ts";

Deno.test("formatHgrm() writes what the plotter of HdrHistogram reads", () => {
  assertEquals(
    formatHgrm(RESULT),
    `       Value     Percentile TotalCount 1/(1-Percentile)

       0.012 0.000000000000          1           1.00
       0.340 0.500000000000     617284           2.00
       1.234 0.990000000000    1222222         100.00
    1234.567 1.000000000000    1234567
#[Mean    =        0.346, StdDeviation   =        1.200]
#[Max     =     1234.567, Total count    =      1234567]
#[Buckets =           16, SubBuckets     =         2048]
`,
  );
});

Deno.test("formatCsv() writes a line for each second, and nothing for what is not known", () => {
  const [first, second] = RESULT.series;
  const series = first && second ? [first, { ...second, p99Us: null }] : [];
  assertEquals(
    formatCsv({ ...RESULT, series }),
    `atMs,messages,bytes,p50Us,p99Us,maxUs,errors,lost
1000,123000,7872000,339,1200,2000,0,0
2000,124000,7936000,341,,1234567,0,0
`,
  );
});
