"use strict";
// The table of requests. What clients have sent is only ever set as text.
(() => {
  const pageRows = 50;
  const records = JSON.parse(document.getElementById("data").textContent).map((r) => ({ ...r, rules: r.rules || [] }));
  const body = document.querySelector("#table tbody");
  const search = document.getElementById("search");
  const verdict = document.getElementById("verdict");
  const found = document.getElementById("found");
  const next = document.getElementById("next");
  const verdictNames = { block: "blocked", detect: "reported", pass: "passed" };
  const haystacks = records.map((r) => JSON.stringify([
    verdictNames[r.verdict], r.reason, r.transaction_id, r.method, r.target, r.host, r.route, r.client, r.country, r.time, r.error,
    r.rules.map((m) => [m.id, m.severity, m.target, m.message, m.value])]).toLowerCase());
  let hits = records;
  let shown = 0;

  // Control characters and those that turn the direction of writing are shown
  // by their number.
  const show = (text) => String(text ?? "").replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));

  const element = (name, className, text) => {
    const e = document.createElement(name);
    if (className) e.className = className;
    if (text !== undefined) e.textContent = show(text);
    return e;
  };

  const reasons = {
    body_limit: "The body is longer than the policy allows.",
    route: "The policy refuses every request of the route.",
    ambiguous_path: "The path names one route as sent and another one when it is decoded.",
    internal_error: "The firewall itself failed; the policy says what happens then.",
  };

  // outcome says in a sentence what happened to a request and why.
  function outcome(r) {
    const what = r.verdict === "block" ? `Blocked in phase ${r.phase} with status ${r.status}.`
      : r.verdict === "detect" ? "Went on; rules that report have matched." : "Passed.";
    const mode = r.mode === "detect" ? " The policy only reports here." : "";
    const why = reasons[r.reason] ? " " + reasons[r.reason] : "";
    return `${what}${mode}${why} Anomaly score ${r.score}${r.outbound_score ? `, of the response ${r.outbound_score}` : ""}.`;
  }

  function explain(r) {
    const row = element("tr", "explain");
    const cell = row.appendChild(element("td"));
    cell.colSpan = 7;
    cell.append(element("p", "", outcome(r)));
    if (r.error) cell.append(element("p", "", "Error: " + r.error));
    const facts = [["id", r.transaction_id], ["host", r.host], ["route", r.route], ["client", [r.client, r.country].filter(Boolean).join(" ")], ["time", r.time.startsWith("0001") ? "" : r.time]];
    cell.append(element("p", "quiet", facts.filter((f) => f[1]).map((f) => f.join(" ")).join(" · ")));
    const table = cell.appendChild(element("table", "cards"));
    const head = table.appendChild(element("thead")).appendChild(element("tr"));
    for (const name of ["rule", "severity", "what matched", "value", "message"]) head.append(element("th", "", name));
    const rows = table.appendChild(element("tbody"));
    for (const m of r.rules) {
      const line = rows.appendChild(element("tr"));
      for (const [name, text] of [["rule", m.id], ["severity", m.severity], ["what matched", m.target], ["value", m.value], ["message", m.message]]) {
        const td = line.appendChild(element("td"));
        td.dataset.head = name;
        td.append(element("span", name === "message" ? "" : "value", text));
        if (name === "rule" && m.rule) td.title = m.rule;
      }
    }
    return row;
  }

  function add(r) {
    const row = element("tr", "entry");
    const first = row.appendChild(element("td", "verdict"));
    first.append(element("span", "badge " + r.verdict, verdictNames[r.verdict] || r.verdict));
    row.append(element("td", "n", r.score));
    const open = row.appendChild(element("td")).appendChild(element("button", "open", r.method + " " + r.target));
    open.type = "button";
    open.setAttribute("aria-expanded", "false");
    row.append(element("td", "more route", r.route), element("td", "more client", [r.client, r.country].filter(Boolean).join(" ")));
    row.append(element("td", "more when", r.time.startsWith("0001") ? "" : r.time.replace("T", " ").replace(/(\.\d+)?Z$/, "")));
    row.append(element("td", "rules", r.rules.map((m) => m.id).join(" ")));
    open.addEventListener("click", () => {
      const isOpen = row.nextElementSibling?.classList.contains("explain");
      if (isOpen) row.nextElementSibling.remove();
      else row.after(explain(r));
      open.setAttribute("aria-expanded", String(!isOpen));
    });
    body.append(row);
  }

  function more() {
    for (const r of hits.slice(shown, shown + pageRows)) add(r);
    shown = Math.min(shown + pageRows, hits.length);
    next.hidden = shown >= hits.length;
    found.textContent = `${shown} of ${hits.length} shown`;
  }

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    hits = records.filter((r, i) => (!verdict.value || r.verdict === verdict.value) && words.every((w) => haystacks[i].includes(w)));
    body.replaceChildren();
    shown = 0;
    more();
  }

  // A link may hold a search, and open the first of what it finds: #q=942100&open
  function fromLink() {
    const link = new URLSearchParams(location.hash.slice(1));
    search.value = link.get("q") || "";
    filter();
    if (link.has("open")) body.querySelector(".open")?.click();
  }

  // A column that nothing stands in takes no room.
  for (const name of ["route", "client"]) {
    if (!records.some((r) => r[name])) document.getElementById("table").classList.add("no-" + name);
  }
  search.addEventListener("input", filter);
  verdict.addEventListener("change", filter);
  next.addEventListener("click", more);
  addEventListener("hashchange", fromLink);
  fromLink();
})();
