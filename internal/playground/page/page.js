"use strict";
// The playground: three texts in, what the engine says out. Whatever comes from
// a text or from the engine is only ever set as text.
(() => {
  const pauseMS = 200; // of the typist, before the texts are judged
  const idleMS = 700; // before the fast path is compiled, which takes the engine longest
  const limitMS = 60_000; // for one step: the first takes two seconds of a laptop's processor, and texts of the greatest length some more
  const maxFileBytes = 1 << 20; // the engine takes less; this keeps a wrong file from the text fields
  const started = performance.now();

  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const state = byId("state");
  const names = { rules: "rules.conf", policy: "policy.yaml", request: "request" };
  const fields = Object.fromEntries(Object.keys(names).map((name) => [name, byId(name + "-text")]));

  function element(name, className, ...content) {
    const e = document.createElement(name);
    if (className) e.className = className;
    e.append(...content.map((c) => (typeof c === "number" ? String(c) : c)));
    return e;
  }

  // The engine in its worker. One question at a time; one that takes too long,
  // and an engine that fails, end in a new worker.
  const engine = {
    module: null,
    worker: null,
    waiting: null,

    async load() {
      const bytes = Uint8Array.from(atob(byId("engine").textContent), (c) => c.charCodeAt(0));
      byId("engine").remove();
      const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      this.module = await WebAssembly.compile(await new Response(plain).arrayBuffer());
      await this.start();
    },

    start() {
      const url = URL.createObjectURL(new Blob([data.worker], { type: "text/javascript" }));
      this.worker = new Worker(url);
      this.worker.onmessage = ({ data }) => this.waiting?.(data);
      this.worker.onerror = (e) => this.waiting?.({ failure: e.message || "the worker did not start" });
      return this.send({ module: this.module }).finally(() => URL.revokeObjectURL(url));
    },

    send(message) {
      return new Promise((resolve, reject) => {
        const late = () => this.waiting({ failure: `no answer in ${limitMS / 1000} s; shorter rules or a shorter request take less` });
        const timer = setTimeout(late, limitMS);
        this.waiting = (reply) => {
          clearTimeout(timer);
          this.waiting = null;
          if (reply.failure === undefined) resolve(reply.answer);
          else reject(new Error(reply.failure));
        };
        this.worker.postMessage(message);
      });
    },

    async ask(step, extra) {
      try {
        return await this.send({ question: { step, case: texts(), ...extra } });
      } catch (e) {
        this.worker.terminate();
        await this.start();
        throw e;
      }
    },
  };

  const texts = () => ({ tabard_playground: data.version, rules: fields.rules.value, policy: fields.policy.value, request: fields.request.value });

  // What is judged, and when.
  let running = false;
  let again = false;
  let timer = 0;
  let typed = 0;
  let checked = { of: null, findings: [] };

  function soon() {
    typed ||= performance.now();
    clearTimeout(timer);
    timer = setTimeout(judge, pauseMS);
    byId("result").classList.add("old");
  }

  async function judge() {
    clearTimeout(timer);
    again = running;
    if (running || !engine.module) return;
    running = true;
    try {
      do {
        again = false;
        await steps();
      } while (again);
    } catch (e) {
      state.textContent = "The engine failed and was started anew: " + e.message;
      document.body.dataset.state = "failed";
    }
    running = false;
  }

  // steps asks one step after the other, as long as no text changes.
  async function steps() {
    const since = typed || performance.now();
    typed = 0;
    document.body.dataset.state = "judging";
    state.textContent = "judging";
    const of = fields.policy.value + "\0" + fields.rules.value;
    if (checked.of !== of) {
      checked = { of, findings: (await engine.ask("check")).findings ?? [] };
      if (again) return;
      showFindings(checked.findings);
    }
    const rule = Number(byId("rule").value);
    const answer = await engine.ask("explain", { rule });
    if (again) return;
    showFindings(distinct([...checked.findings, ...(answer.findings ?? [])]));
    showAnswer(answer, rule);
    const ms = Math.round(performance.now() - since);
    state.textContent = `judged in ${ms} ms`;
    Object.assign(document.body.dataset, { state: "judged", ms });
    if (answer.view) timer = setTimeout(fastPath, idleMS);
  }

  async function fastPath() {
    if (running) return;
    running = true;
    try {
      const answer = await engine.ask("fast_path");
      if (!again && !typed) showFastPath(answer.fast_path);
    } catch (e) {
      showFastPath("not known: " + e.message);
    }
    running = false;
    if (again) judge();
  }

  const distinct = (findings) => [...new Map(findings.map((f) => [[f.file, f.line, f.col, f.message].join("\0"), f])).values()];

  // What is wrong with the texts: in the gutters, and as a list.
  function showFindings(findings) {
    byId("findings").hidden = findings.length === 0;
    byId("findings").querySelector("ol").replaceChildren(...findings.map(findingItem));
    for (const [name, file] of Object.entries(names)) {
      const own = findings.filter((f) => f.file === file);
      drawGutter(name, own);
      fields[name].setAttribute("aria-invalid", own.some((f) => f.level === "error"));
    }
  }

  function findingItem(f) {
    const place = f.file + (f.line ? ":" + f.line : "") + (f.col ? ":" + f.col : "");
    const jump = element("button", "place", place);
    jump.type = "button";
    jump.onclick = () => goTo(f);
    const what = element("div", "", jump, ` ${f.level}: ${f.message}${f.hint ? ", " + f.hint : ""} `);
    if (f.check) what.append(element("span", "quiet", `[${f.check}]`));
    const item = element("li", f.level, what);
    if (f.snippet) item.append(element("pre", "", f.snippet));
    return item;
  }

  // goTo selects the place of a finding in its text.
  function goTo(f) {
    const name = Object.keys(names).find((n) => names[n] === f.file);
    if (!name) return;
    const field = fields[name];
    const lines = field.value.split("\n");
    const before = lines.slice(0, Math.max(f.line - 1, 0)).join("\n").length + (f.line > 1 ? 1 : 0);
    // Columns count bytes, a text field counts UTF-16.
    const line = new TextEncoder().encode(lines[f.line - 1] ?? "").slice(0, Math.max(f.col - 1, 0));
    const at = before + new TextDecoder().decode(line).length;
    field.focus();
    field.setSelectionRange(at, at);
    field.scrollTop = Math.max(0, (f.line - 4) * parseFloat(getComputedStyle(field).lineHeight));
  }

  const found = {};

  function drawGutter(name, findings) {
    if (findings) found[name] = findings;
    const byLine = new Map();
    for (const f of found[name] ?? []) {
      if (byLine.get(f.line)?.level !== "error") byLine.set(f.line, f);
    }
    const numbers = [];
    for (let n = 1, lines = fields[name].value.split("\n").length; n <= lines; n++) {
      const f = byLine.get(n);
      const number = f ? element("span", f.level, n) : String(n);
      if (f) number.title = f.message;
      numbers.push(number, "\n");
    }
    byId(name).querySelector(".gutter").replaceChildren(...numbers);
    alignGutter(name);
  }

  const alignGutter = (name) => { byId(name).querySelector(".gutter").scrollTop = fields[name].scrollTop; };

  // The verdict and why.
  function showAnswer(a, rule) {
    const result = byId("result");
    result.classList.remove("old");
    const near = byId("near");
    near.hidden = !a.view;
    if (!a.view) {
      result.replaceChildren(element("p", "headline", "Not judged: the texts have an error."));
      byId("because").replaceChildren();
      return;
    }
    const v = a.view;
    const head = element("p", "verdict", element("span", "badge " + v.action, v.action), element("span", "headline", v.headline));
    const notes = element("p", "", [...v.notes, ...(a.notes ?? [])].join(" · "));
    const fast = element("p", "quiet", "fast path: asked when you pause");
    fast.id = "fast";
    result.replaceChildren(head, notes, fast, scoreTable(v.scores), ...v.rules.map(ruleCard));
    near.querySelector("summary").textContent = a.near?.length ? `Rules that nearly matched: ${a.near.length}` : "No rule nearly matched";
    near.querySelector("div").replaceChildren(...(a.near ?? []).map(ruleCard));
    byId("because").replaceChildren(...(a.why_not ? [element("p", "", a.why_not)] : (a.why ?? []).map(ruleCard)));
    if (!rule) byId("because").replaceChildren();
  }

  function showFastPath(text) {
    const line = byId("fast");
    if (line && text) line.textContent = "fast path: " + text;
    document.body.dataset.fast = text ?? "";
  }

  function scoreTable(scores) {
    const table = element("table", "scores");
    for (const s of scores) {
      table.append(element("tr", "", element("td", "", "+" + s.points), element("td", "mono", s.rule), element("td", "", s.message)));
    }
    return table;
  }

  function ruleCard(r) {
    const head = element("h3", "", element("span", "mono", r.id));
    if (r.score) head.append(element("span", "points", "+" + r.score));
    if (r.message) head.append(element("span", "", r.message));
    head.append(element("span", "quiet", ["phase " + r.phase, r.severity, r.place].filter(Boolean).join(" · ")));
    const body = element("div", "body");
    if (r.note) body.append(element("div", "", r.note));
    for (const l of r.links ?? []) body.append(...link(l));
    if (r.says) body.append(element("div", "mono operator", "says: " + r.says));
    if (r.near) body.append(way(r.near.value), element("div", "mono operator", "matches " + r.near.matched + ", and then lacks " + r.near.lacks));
    return element("article", "rule", head, body);
  }

  function link(l) {
    const parts = [];
    if (l.title) parts.push(element("div", "quiet", l.title));
    for (const lines of l.values ?? []) parts.push(way(lines));
    if (l.more) parts.push(element("div", "quiet", `and ${l.more} more`));
    if (l.note) parts.push(element("div", "quiet", l.note));
    if (l.operator) parts.push(element("div", "mono operator", l.operator + (l.found ? "  found " + l.found : "") + (l.matched ? "" : "  no match")));
    return parts;
  }

  // way is a value from how it came to what the operator saw.
  function way(lines) {
    const list = element("dl", "way mono");
    for (const line of lines) {
      if (!line.shown) {
        list.append(element("dt", "same", line.label));
        continue;
      }
      const runes = [...line.text];
      const piece = (from, to) => runes.slice(from, to).join("");
      const value = line.to
        ? element("dd", "", piece(0, line.from), element("mark", "", piece(line.from, line.to)), piece(line.to))
        : element("dd", "", line.text);
      list.append(element("dt", "", line.label), value);
    }
    return list;
  }

  // Files: one of the playground holds all texts, others are one of them.
  function setTexts(c) {
    for (const name of Object.keys(fields)) {
      if (c[name] !== undefined) fields[name].value = c[name];
      drawGutter(name, []);
      fields[name].scrollTop = 0;
    }
    typed = performance.now();
    judge();
  }

  async function openFile(file) {
    if (!file) return;
    if (file.size > maxFileBytes) {
      state.textContent = `${file.name} is longer than ${maxFileBytes >> 20} MiB`;
      return;
    }
    const text = await file.text();
    if (/\.conf$/.test(file.name)) return setTexts({ rules: text });
    if (/\.ya?ml$/.test(file.name)) return setTexts({ policy: text });
    if (!/\.json$/.test(file.name)) return setTexts({ request: text });
    let c = {};
    try { c = JSON.parse(text); } catch { /* said below */ }
    if (c?.tabard_playground === data.version) setTexts(c);
    else state.textContent = `${file.name} is no file that this playground has shared`;
  }

  function share() {
    const link = element("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(texts(), null, 2) + "\n"], { type: "application/json" }));
    link.download = "shared" + data.suffix;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    state.textContent = "saved as " + link.download;
  }

  function fillExamples() {
    const groups = new Map();
    data.examples.forEach((e, i) => {
      if (!groups.has(e.group)) {
        const group = element("optgroup");
        group.label = e.group;
        groups.set(e.group, group);
      }
      const option = element("option", "", `${e.group}: ${e.name}`);
      option.value = i;
      groups.get(e.group).append(option);
    });
    byId("examples").append(...groups.values());
    if (!data.first) byId("examples").selectedIndex = -1; // a file was opened instead
  }

  for (const [name, field] of Object.entries(fields)) {
    field.addEventListener("input", () => { drawGutter(name); soon(); });
    field.addEventListener("scroll", () => alignGutter(name));
  }
  byId("examples").onchange = (e) => setTexts(data.examples[e.target.value].case);
  byId("run").onclick = judge;
  byId("share").onclick = share;
  byId("open").onclick = () => byId("file").click();
  byId("file").onchange = (e) => { openFile(e.target.files[0]); };
  byId("why").onsubmit = (e) => { e.preventDefault(); judge(); };
  document.addEventListener("keydown", (e) => {
    if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) {
      e.preventDefault();
      judge();
    }
  });
  document.addEventListener("dragover", (e) => { e.preventDefault(); document.body.classList.add("drop"); });
  document.addEventListener("dragleave", (e) => { if (!e.relatedTarget) document.body.classList.remove("drop"); });
  document.addEventListener("drop", (e) => {
    e.preventDefault();
    document.body.classList.remove("drop");
    openFile(e.dataTransfer.files[0]);
  });

  fillExamples();
  setTexts(data.start);
  engine.load().then(() => {
    document.body.dataset.ready = Math.round(performance.now() - started);
    typed = performance.now();
    judge();
  }, (e) => { state.textContent = "The engine does not start here: " + e.message; document.body.dataset.state = "failed"; });
})();
