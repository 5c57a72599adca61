import { createHash } from "node:crypto";
import type { Answer } from "./http.ts";
import { runPage } from "./page_script.js";

const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #f6f7f9; --panel: #ffffff; --ink: #16202b; --soft: #5b6876;
  --edge: #dfe4ea; --line: #0b6bcb; --area: #0b6bcb1f; --second: #8a5cd1;
  --live: #14804a; --draining: #9a5b00; --gone: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0f141a; --panel: #182029; --ink: #e7edf3; --soft: #97a5b3;
    --edge: #2a3541; --line: #5cb0ff; --area: #5cb0ff26; --second: #c0a0f5;
    --live: #4cc38a; --draining: #f0b34d; --gone: #ff8a80;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  font-variant-numeric: tabular-nums;
}
header, main { max-width: 1180px; margin: 0 auto; padding: 0 20px; }
header {
  display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 16px;
  padding-top: 22px; padding-bottom: 16px; color: var(--soft);
}
h1 { margin: 0; font-size: 24px; letter-spacing: -.02em; color: var(--ink); }
header p { margin: 0; }
#state {
  margin-left: auto; padding: 2px 12px 2px 10px; border: 1px solid currentColor;
  border-radius: 99px; font-weight: 600; color: var(--soft);
}
#state::before { content: "\\25cf\\00a0"; }
[data-state=live] #state { color: var(--live); }
[data-state=draining] #state { color: var(--draining); }
[data-state=gone] #state { color: var(--gone); }
#banner {
  max-width: 1140px; margin: 0 auto 16px; padding: 10px 16px; border-radius: 10px;
  border: 1px solid var(--draining); color: var(--draining); background: var(--panel);
  font-weight: 600;
}
[data-state=gone] #banner { border-color: var(--gone); color: var(--gone); }
[data-state=gone] main { opacity: .6; }
main { display: grid; gap: 16px; grid-template-columns: repeat(4, 1fr); padding-bottom: 40px; }
.panel {
  margin: 0; padding: 14px 16px; min-width: 0; background: var(--panel);
  border: 1px solid var(--edge); border-radius: 12px;
}
.wide { grid-column: 1 / -1; }
.most { grid-column: span 3; }
h2, .name { margin: 0; font-size: 13px; font-weight: 600; color: var(--soft); }
.value { display: block; margin: 2px 0 8px; font-size: 25px; font-weight: 650; letter-spacing: -.02em; white-space: nowrap; }
.value small { font-size: 13px; font-weight: 500; letter-spacing: 0; color: var(--second); }
svg { display: block; width: 100%; height: 84px; border-bottom: 1px solid var(--edge); }
.area { fill: var(--area); }
.line0, .line1 { fill: none; stroke: var(--line); stroke-width: 1.6; vector-effect: non-scaling-stroke; stroke-linejoin: round; }
.line1 { stroke: var(--second); }
.axis { display: flex; justify-content: space-between; padding-top: 4px; font-size: 12px; color: var(--soft); white-space: nowrap; }
dl { margin: 10px 0 0; }
dt { color: var(--soft); }
dd { margin: 0; }
.fair div { margin-bottom: 9px; }
.fair dt { float: left; }
.fair dd { text-align: right; font-weight: 600; }
.bar { display: block; height: 6px; margin-top: 3px; border-radius: 3px; background: var(--edge); overflow: hidden; }
.bar i { display: block; width: 0; height: 100%; border-radius: 3px; background: var(--line); }
.note { margin: 6px 0 0; font-size: 13px; color: var(--soft); }
#limits { display: flex; flex-wrap: wrap; gap: 6px 22px; font-size: 13px; }
#limits div { display: flex; gap: 6px; }
#limits dd { font-weight: 600; }
.scroll { overflow-x: auto; margin: 8px -16px -6px; padding: 0 16px 6px; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: 5px 14px 5px 0; text-align: left; white-space: nowrap; border-bottom: 1px solid var(--edge); }
tbody tr:last-child td { border-bottom: 0; }
th { font-size: 13px; font-weight: 600; color: var(--soft); }
td.endpoint, td.remote, #endpoints td:first-child { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: 13.5px; }
th.n, td.n, td.age, td.bytes, td.rate, td.idle { text-align: right; }
#endpoints td:nth-child(n+3) { text-align: right; }
th:last-child, td:last-child { padding-right: 0; }
th button { padding: 0; border: 0; background: none; font: inherit; color: inherit; cursor: pointer; }
th button::after { content: "\\2195"; margin-left: 4px; opacity: .35; }
th[aria-sort] button { color: var(--ink); }
th[aria-sort=ascending] button::after { content: "\\2191"; opacity: 1; }
th[aria-sort=descending] button::after { content: "\\2193"; opacity: 1; }
.bar-top { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 18px; }
.bar-top label { margin-left: auto; color: var(--soft); font-size: 13px; }
input {
  width: 220px; max-width: 100%; margin-left: 6px; padding: 5px 10px; font: inherit; font-size: 14px; color: inherit;
  background: var(--paper); border: 1px solid var(--edge); border-radius: 8px;
}
:focus-visible { outline: 2px solid var(--line); outline-offset: 2px; border-radius: 4px; }
@media (max-width: 900px) {
  main { grid-template-columns: 1fr 1fr; }
  .fair, .most { grid-column: 1 / -1; }
}
@media (max-width: 560px) {
  header, main { padding-left: 12px; padding-right: 12px; }
  main { gap: 10px; }
  .panel { padding: 11px 12px; }
  .value { font-size: 20px; }
  .value small { display: block; }
  svg { height: 60px; }
  #banner { margin: 0 12px 12px; }
  .bar-top label { margin-left: 0; width: 100%; }
  input { width: 100%; margin: 4px 0 0; }
  .scroll { margin: 8px -12px -6px; padding: 0 12px 6px; }
  #connections .endpoint, #connections .age { display: none; }
}
`;

/** An icon that is no request of its own. */
const ICON = "data:image/svg+xml," + encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">' +
    '<circle cx="8" cy="8" r="3" fill="#0b6bcb"/>' +
    '<circle cx="8" cy="8" r="6.5" fill="none" stroke="#0b6bcb" stroke-width="1.5"/></svg>',
);

const BODY = `
<header>
<h1>echod</h1><p id="what"></p><p id="uptime"></p><p id="state" role="status">connecting</p>
</header>
<p id="banner" role="alert" hidden></p>
<noscript><p id="banner">This page needs JavaScript. The same numbers are at /stats and /metrics.</p></noscript>
<main>
${chart("connections", "Connections")}
${chart("bytes", "Bytes a second")}
${chart("newcomers", "Newcomers a second")}
${chart("delay", "Event-loop delay, p99", "median")}
<section class="panel fair" aria-labelledby="fairness">
<h2 id="fairness">Fairness now</h2>
<dl>${["least", "median", "most"].map(fairness).join("")}</dl>
<p class="note" id="busy">Nothing moves.</p>
</section>
<section class="panel most" aria-labelledby="listening">
<h2 id="listening">Listening on</h2>
<div class="scroll" tabindex="0" role="region" aria-labelledby="listening"><table>
<thead><tr><th>Endpoint</th><th>Parameters</th><th class="n">Open</th><th class="n">Accepted</th><th class="n">Echoed</th></tr></thead>
<tbody id="endpoints"></tbody>
</table></div>
<dl id="limits"></dl>
</section>
<section class="panel wide" id="connections" aria-labelledby="open">
<div class="bar-top"><h2 id="open">Open connections</h2><span class="note" id="shown" role="status"></span>
<label>Filter<input id="filter" type="search" autocomplete="off" spellcheck="false" placeholder="address, endpoint, #id"></label></div>
<div class="scroll" tabindex="0" role="region" aria-labelledby="open"><table>
<thead><tr>
<th class="id" aria-sort="descending"><button type="button" data-key="id">Id</button></th>
<th class="remote"><button type="button" data-key="remote">Client</button></th>
<th class="endpoint"><button type="button" data-key="endpoint">Endpoint</button></th>
<th class="age n"><button type="button" data-key="age">Age</button></th>
<th class="bytes n"><button type="button" data-key="bytes">Echoed</button></th>
<th class="rate n"><button type="button" data-key="rate">Rate</button></th>
<th class="idle n"><button type="button" data-key="idle">Idle for</button></th>
</tr></thead>
<tbody id="rows"></tbody>
</table></div>
</section>
</main>
`;

function chart(id: string, name: string, second = ""): string {
  const small = second &&
    ` <small>${second} <span id="second-${id}"></span></small>`;
  return `<figure class="panel">
<figcaption><span class="name" id="name-${id}">${name}</span>
<span class="value"><span id="value-${id}">–</span>${small}</span></figcaption>
<svg id="chart-${id}" viewBox="0 0 300 80" preserveAspectRatio="none" role="img" aria-label="${name}"></svg>
<div class="axis"><span id="from-${id}">−5 min</span><span>most <span id="most-${id}"></span></span><span>now</span></div>
</figure>`;
}

function fairness(name: string): string {
  return `<div><dt>${name}</dt><dd id="fair-${name}">–</dd>` +
    `<span class="bar"><i id="bar-${name}"></i></span></div>`;
}

/** Makes the live page: one document, which asks for nothing but the event stream. */
export function makePage(): Answer {
  const script = `(${runPage})();`;
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(STYLE)}'`,
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    status: 200,
    type: "text/html; charset=utf-8",
    headers: {
      "Content-Security-Policy": policy.join("; "),
      "Referrer-Policy": "no-referrer",
    },
    body: `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>echod</title>
<link rel="icon" href="${ICON}">
<style>${STYLE}</style>
</head>
<body data-state="connecting">${BODY}<script>${script}</script>
</body>
</html>
`,
  };
}

/** What the policy says of a text that may run. */
function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
