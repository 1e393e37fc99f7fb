"use strict";
(() => {
const $ = id => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const H = data.hosts, S = data.strings, V = data.verdicts, F = data.findings, G = data.grades, R = data.releases;
const N = H.id.length;
const MARKS = {supported: "✓", security_supported: "✓", security_support_external: "!", conditional: "!", unknown: "?", not_security_supported: "✗", outside_the_statement: "✗"};
const DAY = 86400000;
const number = new Intl.NumberFormat("en");
const today = Math.floor(Date.parse(data.at) / DAY);
const state = {release: 0, text: "", verdict: -1, chips: new Map(), sort: "id", down: false, current: 0};

const el = (tag, props = {}, ...children) => {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(props)) {
    if (k === "on") for (const [type, f] of Object.entries(v)) e.addEventListener(type, f);
    else if (k === "vars") for (const [name, value] of Object.entries(v)) e.style.setProperty(name, value);
    else if (k in e && typeof v !== "string" || k === "textContent" || k === "className") e[k] = v;
    else e.setAttribute(k, v);
  }
  e.append(...children.filter(c => c !== null && c !== undefined && c !== ""));
  return e;
};
const plural = (n, one) => number.format(n) + " " + one + (n === 1 ? "" : "s");
const percent = (n, all) => all ? (n / all * 100).toFixed(n / all < 0.1 ? 1 : 0) + " %" : "";
const memory = m => !m ? "" : m < 1024 ? m + " MiB" : m < 1023.5 * 1024 ? trim(m / 1024) + " GiB" : trim(m / 1024 / 1024) + " TiB";
const trim = x => x.toFixed(x < 10 ? 2 : x < 100 ? 1 : 0).replace(/\.0+$/, "");
const date = d => d ? new Date(d * DAY).toISOString().slice(0, 10) : "";
const gradeOf = (i, r = state.release) => V[H.v[r][i]].g;
const gradeCell = g => el("span", {className: "grade", "data-mark": MARKS[G[g].id], vars: {"--c": `var(--${G[g].id})`}}, G[g].words);

// The columns of the table: what a cell says, and the number it sorts by.
// Distinct strings are ranked once, so that sorting compares numbers.
const ranks = (() => {
  let made = null;
  return () => {
    if (!made) {
      const order = Uint32Array.from(S.keys()).sort((a, b) => S[a] < S[b] ? -1 : S[a] > S[b] ? 1 : 0);
      made = new Uint32Array(S.length);
      order.forEach((s, i) => { made[s] = i; });
    }
    return made;
  };
})();
const words = column => ({text: i => S[H[column][i]], key: i => ranks()[H[column][i]]});
const COLUMNS = [
  {id: "id", title: "Host", text: i => H.id[i], key: i => i},
  {id: "cpu", title: "CPU", ...words("cpu")},
  {id: "board", title: "Machine", ...words("board")},
  {id: "cpus", title: "CPUs", text: i => H.cpus[i] || "", key: i => H.cpus[i], numeric: true},
  {id: "mem", title: "Memory", text: i => memory(H.mem[i]), key: i => H.mem[i], numeric: true},
  {id: "xen", title: "Xen", ...words("xen")},
  {id: "ends", title: "Fixes until", text: i => date(H.ends[i]), key: i => H.ends[i]},
  {id: "grade", title: "Verdict", text: i => G[gradeOf(i)].words, key: i => gradeOf(i), cell: i => gradeCell(gradeOf(i))},
];

// Search looks at each distinct string once, and at the names of the hosts.
let lowIDs = null, lowStrings = null;
function matcher(text) {
  lowIDs ??= H.id.map(s => s.toLowerCase());
  lowStrings ??= S.map(s => s.toLowerCase());
  const hit = Uint8Array.from(lowStrings, s => s.includes(text));
  return i => hit[H.cpu[i]] || hit[H.board[i]] || hit[H.xen[i]] || hit[H.iommu[i]] || hit[H.gic[i]] || hit[H.arch[i]] || lowIDs[i].includes(text);
}

// Each verdict's rows, so that filtering by a row asks a number.
const rowsOf = V.map(v => new Set(v.f.map(f => F[f][0] + "|" + F[f][1])));

let shown = Uint32Array.from({length: N}, (_, i) => i);
function select() {
  const text = state.text.trim().toLowerCase(), found = text ? matcher(text) : null, chips = [...state.chips.values()];
  const out = new Uint32Array(N);
  let n = 0;
  for (let i = 0; i < N; i++) {
    if (state.verdict >= 0 && gradeOf(i) !== state.verdict) continue;
    if (found && !found(i)) continue;
    if (chips.length && !chips.every(c => c.test(i))) continue;
    out[n++] = i;
  }
  const column = COLUMNS.find(c => c.id === state.sort);
  const keys = new Float64Array(N);
  for (let k = 0; k < n; k++) keys[out[k]] = column.key(out[k]);
  const list = out.subarray(0, n);
  if (state.sort !== "id") {
    const sign = state.down ? -1 : 1;
    list.sort((a, b) => sign * (keys[a] - keys[b]) || a - b);
  } else if (state.down) list.reverse();
  shown = list;
  state.current = 0;
}

// The table paints only the rows in sight.
const ROW = 30, MOST = 8_000_000; // px; browsers limit an element's height
const view = $("viewport"), canvas = $("canvas"), grid = $("grid");
const height = () => Math.min(shown.length * ROW, MOST);
const firstRow = () => shown.length * ROW <= MOST ? Math.floor(view.scrollTop / ROW)
  : Math.floor(view.scrollTop / (MOST - view.clientHeight) * (shown.length - view.clientHeight / ROW));
function paint() {
  const seen = Math.ceil(view.clientHeight / ROW) + 2, first = Math.max(0, Math.min(firstRow(), shown.length - 1));
  const top = shown.length * ROW <= MOST ? first * ROW : view.scrollTop - view.scrollTop % ROW;
  const rows = [];
  for (let k = first; k < Math.min(first + seen, shown.length); k++) {
    const i = shown[k];
    rows.push(el("div", {role: "row", id: "row-" + k, className: k === state.current ? "current" : "", "aria-rowindex": String(k + 2), "aria-selected": String(k === state.current),
      vars: {transform: `translateY(${top + (k - first) * ROW}px)`}, on: {click: () => { state.current = k; paint(); open(i); }}},
      ...COLUMNS.map(c => el("div", {role: "gridcell", className: c.numeric ? "num" : "", title: String(c.text(i))}, c.cell ? c.cell(i) : String(c.text(i))))));
  }
  canvas.replaceChildren(...rows);
  grid.setAttribute("aria-activedescendant", shown.length ? "row-" + state.current : "");
}
function refresh() {
  select();
  canvas.style.height = height() + "px";
  view.scrollTop = 0;
  grid.setAttribute("aria-rowcount", String(shown.length + 1));
  $("count").textContent = shown.length === N ? plural(N, "host") : number.format(shown.length) + " of " + plural(N, "host");
  $("clear").hidden = !state.text && state.verdict < 0 && !state.chips.size;
  $("chips").replaceChildren(...[...state.chips].map(([key, c]) => el("button", {type: "button", className: "chip", "aria-label": "Remove the filter " + c.label,
    on: {click: () => { state.chips.delete(key); refresh(); }}}, c.label + " ✕")));
  for (const t of document.querySelectorAll(".tile")) t.setAttribute("aria-pressed", String(Number(t.dataset.grade) === state.verdict));
  for (const b of $("head").querySelectorAll("button")) {
    const on = b.dataset.sort === state.sort;
    b.parentNode.setAttribute("aria-sort", on ? (state.down ? "descending" : "ascending") : "none");
    b.textContent = b.dataset.title + (on ? (state.down ? " ▼" : " ▲") : "");
  }
  paint();
}
function sortBy(id) {
  state.down = state.sort === id && !state.down;
  state.sort = id;
  refresh();
}
function filterBy(key, label, test) {
  if (state.chips.has(key)) state.chips.delete(key); else state.chips.set(key, {label, test});
  refresh();
  $("hosts").scrollIntoView({block: "start"});
}
function reveal(k) {
  state.current = Math.max(0, Math.min(k, shown.length - 1));
  if (shown.length * ROW <= MOST) {
    const y = state.current * ROW;
    if (y < view.scrollTop) view.scrollTop = y;
    if (y + ROW > view.scrollTop + view.clientHeight) view.scrollTop = y + ROW - view.clientHeight;
  } else view.scrollTop = state.current / shown.length * (MOST - view.clientHeight);
  paint();
}

// One host.
function open(i) {
  $("detail-title").textContent = H.id[i];
  const dl = el("dl");
  for (const [k, v] of [["Machine", S[H.board[i]]], ["CPU", S[H.cpu[i]]], ["Architecture", S[H.arch[i]]], ["CPUs", H.cpus[i] ? number.format(H.cpus[i]) : "unknown"],
    ["Memory", memory(H.mem[i]) || "unknown"], ["IOMMU", S[H.iommu[i]]], ["Interrupts", S[H.gic[i]]], ["Xen", S[H.xen[i]] || "none seen"], ["Security fixes until", date(H.ends[i])], ["Read from", H.source[i]]])
    if (v) dl.append(el("dt", {}, k), el("dd", {}, v));
  const body = [dl];
  R.forEach((r, n) => {
    const v = V[H.v[n][i]];
    body.push(el("h3", {}, (S[v.b] && S[v.b] !== r.name ? "Xen " + S[v.b] : r.name === "auto" ? "Its own Xen" : "Xen " + r.name) + ": ", el("span", {className: "grade", "data-mark": MARKS[G[v.g].id], vars: {"--c": `var(--${G[v.g].id})`}}, S[v.w])));
    if (!v.f.length) body.push(el("p", {className: "none"}, "Nothing speaks against it."));
    for (const f of v.f) {
      const [title, key, place, said, grade, seen, why, act, waived] = F[f];
      const line = (label, s) => S[s] ? el("p", {}, el("b", {}, label + " "), S[s]) : null;
      body.push(el("div", {className: "finding", vars: {"--c": `var(--${G[grade].id})`}},
        el("h4", {}, MARKS[G[grade].id] + " " + S[title]), el("p", {}, S[said]), line("Seen", seen), line("Row", place), line("Why", why), line("Do", act), line("Waived", waived),
        S[key] ? el("p", {className: "none"}, "xencheck explain " + S[key]) : null));
    }
  });
  $("detail-body").replaceChildren(...body);
  $("detail").hidden = false;
  $("detail-title").focus();
}
function close() {
  if ($("detail").hidden) return;
  $("detail").hidden = true;
  grid.focus();
}

// The parts above the table, by the chosen release.
const counts = r => {
  const n = new Array(G.length).fill(0);
  for (const v of H.v[r]) n[V[v].g]++;
  return n;
};
const nameOf = r => r.name === "auto" ? "its own Xen's statement" : "Xen " + r.name;
function overview() {
  const n = counts(state.release);
  $("tiles").replaceChildren(...G.map((g, i) => n[i] ? el("button", {type: "button", className: "tile", "data-grade": String(i), "aria-pressed": "false", vars: {"--c": `var(--${g.id})`},
    on: {click: () => { state.verdict = state.verdict === i ? -1 : i; $("verdict").value = state.verdict < 0 ? "" : String(i); refresh(); }}},
    el("b", {}, number.format(n[i])), MARKS[g.id] + " " + g.words + " ", el("span", {}, percent(n[i], N))) : null).filter(Boolean));
  $("notes").replaceChildren(...data.notes.map(s => el("li", {}, s)));
}
function matrix() {
  const all = R.map((_, r) => counts(r)), used = G.map((_, i) => i).filter(i => all.some(n => n[i]));
  $("matrix").replaceChildren(el("thead", {}, el("tr", {}, el("th", {scope: "col"}, "Judged by"), ...used.map(i => el("th", {scope: "col", className: "n"}, G[i].words)), el("th", {scope: "col"}, "Security fixes until"))),
    el("tbody", {}, ...R.map((r, n) => el("tr", {}, el("th", {scope: "row"}, nameOf(r) + (r.revision ? ", " + r.revision : "") + (r.date ? " of " + r.date : "")),
      ...used.map(i => el("td", {className: "n"}, all[n][i] ? el("button", {type: "button", className: "n", "aria-label": `${all[n][i]} hosts ${G[i].words} by ${nameOf(r)}: show them`,
        on: {click: () => { setRelease(n); state.verdict = i; $("verdict").value = String(i); refresh(); $("hosts").scrollIntoView(); }}}, number.format(all[n][i])) : "0")),
      el("td", {}, r.ends || "")))));
  const worse = r => { // against the first release
    let better = 0, bad = 0, open = 0;
    for (let i = 0; i < N; i++) {
      const from = gradeOf(i, 0), to = gradeOf(i, r);
      if (G[from].id === "unknown" || G[to].id === "unknown") open++;
      else if (to < from) better++;
      else if (to > from) bad++;
    }
    return [better, bad, N - better - bad - open, open];
  };
  $("change").textContent = R.slice(1).map((r, n) => { const [b, w, same, open] = worse(n + 1); return `From ${nameOf(R[0])} to ${nameOf(r)}: ${plural(b, "host")} better, ${number.format(w)} worse, ${number.format(same)} the same${open ? `; ${number.format(open)} cannot be told` : ""}.`; }).join(" ");
}
function hurting() {
  const perVerdict = new Uint32Array(V.length), hosts = new Map();
  for (const v of H.v[state.release]) perVerdict[v]++;
  V.forEach((v, k) => {
    if (!perVerdict[k]) return;
    for (const key of rowsOf[k]) {
      const [t, row] = key.split("|").map(Number), f = v.f.map(x => F[x]).find(x => x[0] === t && x[1] === row);
      const e = hosts.get(key) || {n: 0, open: 0, f};
      e.n += perVerdict[k];
      if (G[f[4]].id === "unknown") e.open += perVerdict[k]; else e.f = f;
      hosts.set(key, e);
    }
  });
  const top = [...hosts].sort((a, b) => (b[1].n - b[1].open) - (a[1].n - a[1].open) || b[1].n - a[1].n).slice(0, 12);
  $("rows").replaceChildren(el("thead", {}, el("tr", {}, ...["Row", "Hosts", "of them unknown", "What to do"].map((t, i) => el("th", {scope: "col", className: i === 1 || i === 2 ? "n" : ""}, t)))),
    el("tbody", {}, ...(top.length ? top : [null]).map(x => !x ? el("tr", {}, el("td", {colSpan: 4, className: "none"}, "Nothing speaks against any host.")) :
      el("tr", {}, el("th", {scope: "row"}, S[x[1].f[0]]),
        el("td", {className: "n"}, el("button", {type: "button", className: "n", "aria-label": `Show the ${x[1].n} hosts`, on: {click: () => filterBy("row", "Row: " + S[x[1].f[0]], i => rowsOf[H.v[state.release][i]].has(x[0]))}}, number.format(x[1].n))),
        el("td", {className: "n"}, number.format(x[1].open)), el("td", {}, S[x[1].f[7]])))));
}
function waivers() {
  const list = data.waivers, used = list.map((_, k) => V.map(v => v.x.includes(k)));
  const has = (k, i) => H.v.some(column => used[k][column[i]]);
  $("waivers-section").hidden = !list.length;
  $("waivers").replaceChildren(el("thead", {}, el("tr", {}, ...["Waiver", "Hosts", "State", "Reason", "Owner", "Until"].map((t, i) => el("th", {scope: "col", className: i === 1 ? "n" : ""}, t)))),
    el("tbody", {}, ...list.map((w, k) => {
      let n = 0;
      for (let i = 0; i < N; i++) if (has(k, i)) n++;
      return el("tr", {}, el("th", {scope: "row"}, w.name), el("td", {className: "n"}, n ? el("button", {type: "button", className: "n", "aria-label": `Show the ${plural(n, "host")}`,
        on: {click: () => filterBy("waiver" + k, "Waiver: " + w.name, i => has(k, i))}}, number.format(n)) : "0"), ...[w.state, w.reason, w.owner, w.until].map(s => el("td", {}, s)));
    })));
}
function charts() {
  const one = (title, column, none) => {
    const n = new Map();
    for (const s of H[column]) n.set(s, (n.get(s) || 0) + 1);
    const list = [...n].filter(([s]) => S[s] !== "" || none).sort((a, b) => b[1] - a[1]);
    if (!list.length) return null;
    const name = s => S[s] || none;
    const most = list[0][1], rest = list.slice(10).reduce((a, b) => a + b[1], 0);
    return el("div", {className: "chart"}, el("h3", {}, title), ...list.slice(0, 10).map(([s, c]) => el("button", {type: "button", className: "bar-row", title: name(s), vars: {"--w": (c / most * 100).toFixed(1) + "%"},
      "aria-label": `${title} ${name(s)}: ${plural(c, "host")}; show them`, on: {click: () => filterBy(column, title + ": " + name(s), i => H[column][i] === s)}},
      el("span", {}, name(s)), el("em", {}, number.format(c)), el("i", {}))), rest ? el("p", {className: "none"}, `${list.length - 10} more kinds: ${plural(rest, "host")}`) : null);
  };
  $("charts").replaceChildren(...[one("CPU", "cpu", "unknown"), one("Machine", "board", "unknown"), one("IOMMU", "iommu", "unknown"), one("Interrupt controller of Arm hosts", "gic"), one("Xen", "xen", "none found"), one("Architecture", "arch", "unknown")].filter(Boolean));
}
function horizon() {
  const n = new Map();
  let without = 0;
  for (const d of H.ends) if (d) n.set(d, (n.get(d) || 0) + 1); else without++;
  const ends = [...n].sort((a, b) => a[0] - b[0]);
  const box = $("horizon");
  if (!ends.length) { box.replaceChildren(el("p", {className: "none"}, "No host shows a running Xen whose dates are known.")); return; }
  const W = 1000, T = 210, left = 50, right = 20, base = 160;
  const from = Math.min(ends[0][0], today) - 60, to = Math.max(ends[ends.length - 1][0], today) + 60;
  const x = d => left + (d - from) / (to - from) * (W - left - right), most = Math.max(...n.values()), y = c => base - c / most * (base - 40);
  const NS = "http://www.w3.org/2000/svg";
  const svg = (tag, at, text) => { const e = document.createElementNS(NS, tag); for (const [k, v] of Object.entries(at)) e.setAttribute(k, v); if (text) e.textContent = text; return e; };
  const root = svg("svg", {viewBox: `0 0 ${W} ${T}`, role: "img", "aria-label": "Time line of the ends of security support; the table below has the same numbers"});
  root.append(svg("line", {x1: left, x2: W - right, y1: base, y2: base, stroke: "currentColor", "stroke-opacity": .4}));
  for (let year = new Date(from * DAY).getUTCFullYear(); year <= new Date(to * DAY).getUTCFullYear() + 1; year++) {
    const d = Date.UTC(year, 0, 1) / DAY;
    if (d < from || d > to) continue;
    root.append(svg("line", {x1: x(d), x2: x(d), y1: base, y2: base + 6, stroke: "currentColor", "stroke-opacity": .5}), svg("text", {x: x(d), y: base + 20, "text-anchor": "middle"}, String(year)));
  }
  for (const [d, c] of ends) {
    const late = d < today, soon = !late && d - today <= 90, colour = late ? "--outside_the_statement" : soon ? "--not_security_supported" : "--supported";
    const stick = svg("line", {x1: x(d), x2: x(d), y1: base, y2: y(c), "stroke-width": 5}); stick.style.stroke = `var(${colour})`;
    root.append(stick, svg("text", {x: x(d), y: y(c) - 7, "text-anchor": "middle"}, number.format(c)));
  }
  root.append(svg("line", {x1: x(today), x2: x(today), y1: 22, y2: base + 6, stroke: "currentColor", "stroke-dasharray": "4 4"}), svg("text", {x: x(today), y: 16, "text-anchor": "middle"}, "judged " + date(today)));
  const table = el("table", {}, el("thead", {}, el("tr", {}, el("th", {scope: "col"}, "Security support ends"), el("th", {scope: "col"}, "Xen"), el("th", {scope: "col", className: "n"}, "Hosts"), el("th", {scope: "col"}, ""))),
    el("tbody", {}, ...ends.map(([d, c]) => {
      const xens = new Set(); for (let i = 0; i < N && xens.size < 12; i++) if (H.ends[i] === d) xens.add(S[H.xen[i]]);
      return el("tr", {}, el("th", {scope: "row"}, date(d)), el("td", {}, [...xens].sort().join(", ")), el("td", {className: "n"}, el("button", {type: "button", className: "n", on: {click: () => filterBy("ends", "Fixes until " + date(d), i => H.ends[i] === d)}}, number.format(c))),
        el("td", {}, d < today ? "has ended" : d - today <= 90 ? "ends within 90 days" : ""));
    })));
  box.replaceChildren(root, table, without ? el("p", {className: "none"}, `${plural(without, "host")} without a running Xen whose dates are known.`) : "");
}
function failures() {
  const list = data.failures;
  $("failures-section").hidden = !list.length;
  $("failures").replaceChildren(el("thead", {}, el("tr", {}, el("th", {scope: "col"}, "Where"), el("th", {scope: "col"}, "Why"))),
    el("tbody", {}, ...list.slice(0, 200).map(([w, c]) => el("tr", {}, el("td", {}, w), el("td", {}, c))), list.length > 200 ? el("tr", {}, el("td", {colSpan: 2}, `and ${number.format(list.length - 200)} more`)) : ""));
}
function setRelease(r) {
  state.release = r;
  $("release").value = String(r);
  state.chips.delete("row");
  const v = R[r];
  $("subtitle").textContent = `Judged by ${nameOf(v)}${v.revision ? `, revision ${v.revision}` : ""}${v.date ? ` of ${v.date}` : ""}, on ${data.at.slice(0, 10)}. Security advisories (XSAs) are not checked.`;
  overview(); hurting(); refresh();
}
// Paper shows what the table shows, as far as that makes sense.
function paper() {
  const most = 2000, list = shown.subarray(0, most);
  $("print").replaceChildren(el("thead", {}, el("tr", {}, ...COLUMNS.map(c => el("th", {}, c.title)))),
    el("tbody", {}, ...Array.from(list, i => el("tr", {}, ...COLUMNS.map(c => el("td", {}, c.cell ? c.cell(i) : String(c.text(i)))))), shown.length > most ? el("tr", {}, el("td", {colSpan: COLUMNS.length}, `and ${number.format(shown.length - most)} more: filter, then print`)) : ""));
}

function dark(on) {
  document.documentElement.classList.toggle("dark", on);
  $("theme").setAttribute("aria-pressed", String(on));
}
dark(matchMedia("(prefers-color-scheme: dark)").matches);
$("theme").addEventListener("click", () => dark(!document.documentElement.classList.contains("dark")));
$("title").textContent = "Xen support of " + plural(N, "host");
R.forEach((r, i) => $("release").append(el("option", {value: String(i)}, nameOf(r))));
$("release").addEventListener("change", e => setRelease(Number(e.target.value)));
G.forEach((g, i) => $("verdict").append(el("option", {value: String(i)}, MARKS[g.id] + " " + g.words)));
$("verdict").addEventListener("change", e => { state.verdict = e.target.value === "" ? -1 : Number(e.target.value); refresh(); });
$("search").addEventListener("input", e => { state.text = e.target.value; refresh(); });
$("filter").addEventListener("submit", e => e.preventDefault());
$("clear").addEventListener("click", () => { state.text = ""; state.verdict = -1; state.chips.clear(); $("search").value = ""; $("verdict").value = ""; refresh(); });
$("head").append(...COLUMNS.map(c => el("div", {role: "columnheader", className: c.numeric ? "num" : ""}, el("button", {type: "button", "data-sort": c.id, "data-title": c.title, on: {click: () => sortBy(c.id)}}, c.title))));
grid.setAttribute("aria-colcount", String(COLUMNS.length));
view.addEventListener("scroll", () => requestAnimationFrame(paint), {passive: true});
addEventListener("resize", paint);
addEventListener("beforeprint", paper);
grid.addEventListener("keydown", e => {
  const page = Math.floor(view.clientHeight / ROW) - 1;
  const to = {ArrowDown: state.current + 1, ArrowUp: state.current - 1, PageDown: state.current + page, PageUp: state.current - page, Home: 0, End: shown.length - 1}[e.key];
  if (e.target.closest("#head")) return;
  if (to !== undefined) { e.preventDefault(); reveal(to); }
  if (e.key === "Enter" && shown.length) { e.preventDefault(); open(shown[state.current]); }
});
addEventListener("keydown", e => { if (e.key === "Escape") close(); });
$("close").addEventListener("click", close);
$("foot").textContent = data.tool + ". The Xen Project's support statement applied to facts; nothing is claimed for vendors' builds.";
matrix(); waivers(); charts(); horizon(); failures(); setRelease(0);
setTimeout(ranks); // so that the first click does not wait for it
})();
