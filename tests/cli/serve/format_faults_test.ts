import { loadParseArgs } from "../../../src/cli/parse_args.ts";
import { formatFaults } from "../../../src/faults/format_faults.ts";
import { readArgs } from "../../../src/cli/serve/settings.ts";
import { assertEquals } from "../../helpers/assert.ts";

const parseArgs = await loadParseArgs();
const loadParser = () => Promise.resolve(parseArgs);

/** Parameters of a URL, and how they are logged. */
const CASES: Record<string, string> = {
  "tcp://:1?delay=1.5s&jitter=10ms&rate=64KiB":
    "delay=1500ms, jitter=10ms, rate=65536",
  "tcp://:1?slice=1..1KiB&mute&share=2.5%": "slice=1..1024, mute, share=2.5%",
  "tcp://:1?slice=5": "slice=5",
  "udp://:1?drop=1%&duplicate=2%&reorder=3%&corrupt=4%&seed=5":
    "corrupt=4%, drop=1%, duplicate=2%, reorder=3%, seed=5",
};

for (const [url, text] of Object.entries(CASES)) {
  Deno.test(`The faults of ${url} are logged, and can be given again`, async () => {
    const { endpoints } = await readArgs([url], loadParser);
    assertEquals(formatFaults(endpoints[0]?.faults ?? {}), text);
    const again = `${url.split("?")[0]}?${text.replaceAll(", ", "&")}`;
    assertEquals((await readArgs([again], loadParser)).endpoints, endpoints);
  });
}
