/**
 * What the live page does, in the browser. It is sent as its source text, so it
 * uses nothing from outside. Whatever comes from the server becomes text, never
 * markup.
 */
export function runPage() {
  /** How much the lines show, at most and at least, in milliseconds. */
  const WINDOW = 300_000;
  const SHORTEST = 60_000;
  /** After a longer gap a line begins anew, in milliseconds. */
  const GAP = 3_500;
  /** How many connections are shown at a time. */
  const ROWS = 200;
  const SVG = "http://www.w3.org/2000/svg";

  const byId = (id) => document.getElementById(id);
  /** The samples of the last five minutes, oldest first. */
  let samples = [];
  /** The last message of the server, with the rates since the one before. */
  let latest;
  let startedAt;
  let order = { key: "id", descending: true };
  const rows = [];

  function count(value) {
    return value.toLocaleString("en");
  }

  function bytes(value) {
    const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let unit = 0;
    for (; value >= 1023.95 && unit < units.length - 1; unit++) value /= 1024;
    return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${
      units[unit]
    }`;
  }

  function rate(value) {
    return `${bytes(value)}/s`;
  }

  function time(ms) {
    const seconds = Math.floor(ms / 1000);
    const [minutes, hours] = [
      Math.floor(seconds / 60),
      Math.floor(seconds / 3600),
    ];
    const days = Math.floor(hours / 24);
    if (days > 0) return `${days} d ${hours % 24} h`;
    if (hours > 0) return `${hours} h ${minutes % 60} min`;
    if (minutes > 0) return `${minutes} min ${seconds % 60} s`;
    return `${seconds} s`;
  }

  function delay(ms) {
    return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  }

  function perSecond(value) {
    return `${
      value < 10 ? Math.round(value * 10) / 10 : count(Math.round(value))
    }/s`;
  }

  /** Sets a text, if it is another one than before. */
  function setText(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function make(name, text = "", className = "") {
    const element = document.createElement(name);
    element.textContent = text;
    if (className) element.className = className;
    return element;
  }

  const charts = [
    { id: "connections", lines: ["active"], format: count },
    { id: "bytes", lines: ["byteRate"], format: rate },
    { id: "newcomers", lines: ["newcomerRate"], format: perSecond },
    { id: "delay", lines: ["p99", "p50"], format: delay },
  ];

  /** Draws a chart: its lines, from the left five minutes ago to the right now. */
  function draw({ id, lines, format }) {
    const svg = byId(`chart-${id}`);
    const now = samples.at(-1);
    if (!now) return;
    const values = samples.flatMap((sample) =>
      lines.map((line) => sample[line]).filter(Number.isFinite)
    );
    const most = Math.max(...values, 0);
    const span = Math.max(now.at - samples[0].at, SHORTEST);
    const x = ({ at }) => (300 - 300 * (now.at - at) / span).toFixed(1);
    const y = (value) => (78 - 74 * (most > 0 ? value / most : 0)).toFixed(1);
    lines.forEach((line, index) => {
      let [path, area, before] = ["", "", undefined];
      let from;
      for (const sample of samples) {
        if (!Number.isFinite(sample[line])) continue;
        const isNew = !before || sample.at - before.at > GAP;
        if (isNew && before) area += `L${x(before)} 80L${from} 80Z`;
        if (isNew) from = x(sample);
        const point = `${isNew ? "M" : "L"}${x(sample)} ${y(sample[line])}`;
        path += point;
        area += point;
        before = sample;
      }
      if (before) area += `L${x(before)} 80L${from} 80Z`;
      svg.querySelector(`.line${index}`).setAttribute("d", path);
      if (index === 0) svg.querySelector(".area").setAttribute("d", area);
    });
    const [first] = lines;
    const last = Number.isFinite(now[first]) ? format(now[first]) : "–";
    setText(byId(`value-${id}`), last);
    const minutes = Math.round(span / 60_000);
    setText(byId(`from-${id}`), `−${minutes} min`);
    setText(byId(`most-${id}`), values.length > 0 ? format(most) : "");
    const name = byId(`name-${id}`).textContent;
    svg.setAttribute(
      "aria-label",
      `${name}: now ${last}, at most ${format(most)}`,
    );
    if (lines[1]) setText(byId(`second-${id}`), format(now[lines[1]]));
  }

  function showFairness(fairness) {
    const busy = fairness?.busy ?? 0;
    setText(
      byId("busy"),
      busy === 0
        ? "Nothing moves."
        : `${count(busy)} busy connection${
          busy === 1 ? "" : "s"
        } in the last second`,
    );
    for (const name of ["least", "median", "most"]) {
      const value = fairness?.[name] ?? 0;
      setText(byId(`fair-${name}`), busy > 0 ? rate(value) : "–");
      const share = busy > 0 ? 100 * value / fairness.most : 0;
      byId(`bar-${name}`).style.width = `${share}%`;
    }
  }

  function showEndpoints({ endpoints }) {
    const body = byId("endpoints");
    endpoints.forEach(
      ({ endpoint, note = "", accepted, active, bytes: sum }, index) => {
        const row = body.rows[index] ?? body.insertRow();
        const texts = [
          endpoint,
          note,
          count(active),
          count(accepted),
          bytes(sum),
        ];
        texts.forEach((text, cell) =>
          setText(row.cells[cell] ?? row.insertCell(), text)
        );
      },
    );
    while (body.rows.length > endpoints.length) body.deleteRow(-1);
  }

  function showLimits({ limits }) {
    byId("limits").replaceChildren(...limits.flatMap(([name, value]) => {
      const pair = make("div");
      pair.append(make("dt", name), make("dd", value));
      return [pair];
    }));
  }

  const columns = [
    { key: "id", format: ({ id }) => `#${id}` },
    { key: "remote", format: ({ remote }) => remote },
    { key: "endpoint", format: ({ endpoint }) => endpoint },
    { key: "age", format: ({ age }) => time(age) },
    { key: "bytes", format: (one) => bytes(one.bytes) },
    {
      key: "rate",
      format: (one) => Number.isFinite(one.rate) ? rate(one.rate) : "–",
    },
    { key: "idle", format: ({ idle }) => time(idle) },
  ];

  function compare(one, other) {
    const [a, b] = [one[order.key], other[order.key]];
    if (typeof a === "string") {
      return a.localeCompare(b, "en", { numeric: true }) || one.id - other.id;
    }
    // What has no rate yet comes last.
    return (Number.isFinite(a) ? a : -1) - (Number.isFinite(b) ? b : -1) ||
      one.id - other.id;
  }

  function showConnections() {
    const wanted = byId("filter").value.trim().toLowerCase();
    const all = latest?.connections ?? [];
    const found = all.filter(({ id, remote, endpoint }) =>
      `#${id} ${remote} ${endpoint}`.toLowerCase().includes(wanted)
    );
    found.sort((one, other) =>
      order.descending ? compare(other, one) : compare(one, other)
    );
    const shown = found.slice(0, ROWS);
    const body = byId("rows");
    while (rows.length < shown.length) {
      const row = body.insertRow();
      for (const { key } of columns) row.insertCell().className = key;
      rows.push(row);
    }
    while (rows.length > shown.length) {
      rows.pop();
      body.deleteRow(-1);
    }
    shown.forEach((connection, index) => {
      const { cells } = rows[index];
      columns.forEach(({ format }, cell) =>
        setText(cells[cell], format(connection))
      );
    });
    const active = latest?.active ?? 0;
    const of = active > all.length ? `the newest ${count(all.length)} of ` : "";
    setText(
      byId("shown"),
      `${count(shown.length)} of ${
        wanted ? `${count(found.length)} found among ` : ""
      }${of}${count(active)} shown`,
    );
  }

  function showState(state, text) {
    document.body.dataset.state = state;
    setText(byId("state"), state);
    const banner = byId("banner");
    banner.hidden = !text;
    setText(banner, text);
  }

  function update(message) {
    if (message.startedAt !== startedAt) {
      // Another server, whose numbers begin anew.
      startedAt = message.startedAt;
      samples = [];
      latest = undefined;
    }
    const seconds = latest ? (message.at - latest.at) / 1000 : NaN;
    const since = (key) =>
      latest ? (message[key] - latest[key]) / seconds : NaN;
    const former = new Map(
      latest?.connections.map((one) => [one.id, one.bytes]),
    );
    const connections = message.connections.map(
      ([id, remote, endpoint, age, bytes, idle]) => ({
        id,
        remote,
        endpoint,
        age,
        bytes,
        idle,
        rate: former.has(id) ? (bytes - former.get(id)) / seconds : NaN,
      }),
    );
    samples.push({
      at: message.at,
      active: message.active,
      byteRate: since("bytes"),
      newcomerRate: since("accepted"),
      p50: message.p50,
      p99: message.p99,
    });
    samples = samples.filter(({ at }) => message.at - at <= WINDOW);
    latest = { ...message, connections };
    if (message.stopping) {
      const { active } = message;
      showState(
        "draining",
        `The server is being shut down: ${count(active)} connection${
          active === 1 ? " is" : "s are"
        } still open.`,
      );
    } else showState("live", "");
    setText(byId("what"), `${message.version} on ${message.runtime}`);
    setText(byId("uptime"), `up ${time(message.upMs)}`);
    document.title = `${count(message.active)} connection${
      message.active === 1 ? "" : "s"
    } – echod`;
    for (const chart of charts) draw(chart);
    showFairness(message.fairness);
    showEndpoints(message);
    showConnections();
  }

  for (const button of document.querySelectorAll("th button")) {
    button.addEventListener("click", () => {
      const { key } = button.dataset;
      const isText = key === "remote" || key === "endpoint";
      order = {
        key,
        descending: order.key === key ? !order.descending : !isText,
      };
      for (const other of document.querySelectorAll("th button")) {
        const header = other.closest("th");
        if (other.dataset.key !== key) header.removeAttribute("aria-sort");
        else {
          header.setAttribute(
            "aria-sort",
            order.descending ? "descending" : "ascending",
          );
        }
      }
      showConnections();
    });
  }
  byId("filter").addEventListener("input", showConnections);

  for (const { id, lines } of charts) {
    const svg = byId(`chart-${id}`);
    for (const name of ["area", ...lines.map((_, index) => `line${index}`)]) {
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("class", name);
      svg.append(path);
    }
  }

  const source = new EventSource("events");
  source.addEventListener("about", ({ data }) => showLimits(JSON.parse(data)));
  source.addEventListener("message", ({ data }) => update(JSON.parse(data)));
  source.addEventListener("error", () =>
    showState(
      "gone",
      "The server has gone. What is shown is what it said last; " +
        "the page goes on when it is back.",
    ));
}
