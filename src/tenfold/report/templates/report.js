// Copies fixes, filters findings, unfolds what a link leads to. The page is complete without it.
(() => {
  "use strict";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);

  // --- copying ---

  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // No clipboard for pages from a file in some browsers; the old way still works there.
      const area = document.createElement("textarea");
      area.value = text;
      area.className = "hush";
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  };

  const copyButton = (label, text) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = label;
    button.addEventListener("click", async () => {
      await copy(text());
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = label; }, 1600);
    });
    return button;
  };

  for (const details of all(".group li > details")) {
    const pre = details.querySelector("pre");
    details.after(copyButton("Copy", () => pre.textContent));
  }
  for (const group of all(".group")) {
    const shown = () => all("li:not([hidden]) pre", group);
    if (shown().length > 1) {
      const text = () => shown().map((pre) => pre.textContent).join("\n");
      group.querySelector("header").append(copyButton("Copy all fixes", text));
    }
  }

  // --- filtering ---

  const filter = byId("filter");
  const findings = all(".group li").map((node) => {
    const group = node.closest(".group");
    return {
      node,
      rule: group.dataset.r,
      priority: group.parentElement.id,
      table: node.dataset.t,
      text: `${group.dataset.r} ${node.textContent}`.toLowerCase(),
    };
  });
  const state = { table: "" };

  const apply = () => {
    const words = byId("q").value.toLowerCase().split(/\s+/).filter(Boolean);
    const rule = byId("rule").value;
    const wanted = all("input[name=p]", filter).filter((box) => box.checked).map((box) => box.value);
    let shown = 0;
    for (const finding of findings) {
      const fits = wanted.includes(finding.priority)
        && (!rule || finding.rule === rule)
        && (!state.table || finding.table === state.table)
        && words.every((word) => finding.text.includes(word));
      finding.node.hidden = !fits;
      shown += fits;
    }
    const narrowed = shown < findings.length;
    for (const more of all(".more")) {
      const left = all("li:not([hidden])", more).length;
      more.hidden = !left;
      if (narrowed && left) more.open = true;
    }
    for (const holder of [...all(".group"), ...all(".priority")]) {
      holder.hidden = !holder.querySelector("li:not([hidden])");
    }
    byId("table").hidden = !state.table;
    byId("shown").textContent = narrowed
      ? `${shown.toLocaleString("en")} of ${findings.length.toLocaleString("en")} shown`
      : `${shown.toLocaleString("en")} shown`;
  };

  const clear = () => {
    byId("q").value = "";
    byId("rule").value = "";
    for (const box of all("input[name=p]", filter)) box.checked = true;
    state.table = "";
    apply();
  };

  if (filter) {
    let waiting = 0;
    filter.hidden = false;
    filter.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(apply, 120);
    });
    byId("table").addEventListener("click", () => {
      state.table = "";
      apply();
    });
    apply();
  }

  // --- the map ---

  const map = byId("map");
  if (map) {
    const readout = byId("readout");
    const tell = (event) => {
      const tile = event.target.closest(".tile");
      if (!tile) return;
      readout.textContent = tile.title.split("\n").join(" · ");
      readout.hidden = false;
    };
    map.addEventListener("mouseover", tell);
    map.addEventListener("focusin", tell);
    map.addEventListener("click", (event) => {
      const tile = event.target.closest("a.tile");
      if (!tile || !filter) return;
      event.preventDefault();
      clear();
      state.table = tile.dataset.t;
      byId("table").textContent = `${tile.title.split("\n")[0]} ×`;
      apply();
      filter.scrollIntoView();
    });
  }

  // --- links into what is folded or filtered away ---

  const follow = () => {
    const target = location.hash && byId(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (filter && target.closest("[hidden]")) clear();
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) {
      fold.open = true;
    }
    target.scrollIntoView();
  };
  addEventListener("hashchange", follow);
  follow();

  // --- paper shows everything ---

  let folded = [];
  addEventListener("beforeprint", () => {
    folded = all("details:not([open])");
    for (const details of folded) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of folded) details.open = false;
  });
})();
