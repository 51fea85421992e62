/* Progressive enhancement only: every page of the desk works without it. No inline script, no eval. */
(() => {
  const $ = (s, r = document) => r.querySelector(s), $$ = (s, r = document) => [...r.querySelectorAll(s)];
  const mmss = (s) => `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
  const spell = (s) => s < 60 ? `${s} s` : s < 3600 ? mmss(s) : `${Math.floor(s / 3600)} h ${String(Math.floor(s % 3600 / 60)).padStart(2, "0")}`;
  const born = new WeakMap(), since = (n) => { if (!born.has(n)) born.set(n, Date.now()); return Math.floor((Date.now() - born.get(n)) / 1000); };

  // The theme turns Ctrl+E (end of line on some keyboards) into a theme switch: not while a person types.
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey && e.key === "e" && e.target.closest("input, textarea")) e.stopPropagation();
  }, true);

  // Clocks: data-up and data-ago count up, data-down counts down, data-wall is the desk's clock.
  const tick = () => {
    $$("[data-up]").forEach((n) => { n.textContent = spell(+n.dataset.up + since(n)); });
    $$("[data-ago]").forEach((n) => { n.textContent = spell(+n.dataset.ago + since(n)); });
    $$("[data-down]").forEach((n) => { n.textContent = spell(Math.max(0, +n.dataset.down - since(n))); });
    $$("[data-wall]").forEach((n) => {
      n.textContent = new Date(Date.parse(n.dataset.wall) + since(n) * 1000).toLocaleTimeString("en-GB", { timeZone: n.dataset.zone });
    });
  };

  // Counters: letters of the GSM alphabet count 160 to an SMS, any other 70.
  const gsm = /^[@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà^{}\\[~\]|€]*$/;
  const count = (el) => {
    const out = document.getElementById(el.dataset.count);
    if (!out) return;
    const n = el.value.length, max = +el.dataset.max || 0;
    out.textContent = max ? `${n} of ${max}` : `${n} characters`;
    out.classList.toggle("d-over", Boolean(max) && n > max);
    if (el.dataset.sms === undefined) return;
    const plain = gsm.test(el.value), one = plain ? 160 : 70, parts = n <= one ? 1 : Math.ceil(n / (plain ? 153 : 67));
    out.textContent = `SMS: ${n} of ${one}${parts > 1 ? `, ${parts} parts` : ""}${plain ? "" : ", special letters"}`;
    out.classList.toggle("d-over", parts > 1);
  };

  // A blocked button leads to the list that says why. The server refuses it all the same.
  const blocked = (e) => {
    const button = e.target.closest("[aria-disabled=true]"), gates = $("#gates");
    if (button && gates) { e.preventDefault(); gates.focus(); }
  };

  // A place that refreshes by itself: [data-refresh=seconds] with keyed children [data-key]. A node is replaced only if it changed and
  // does not hold the focus, an open fold or typed text; nothing is announced, nothing moves under the finger.
  const held = (n) => n.contains(document.activeElement) || $$("details[open], input, textarea, select", n).some((i) =>
    i.tagName === "DETAILS" ? true : i.type !== "hidden" && i.value !== i.defaultValue && i.defaultValue !== undefined);
  const patch = (old, fresh) => {
    const was = new Map($$(":scope > [data-key]", old).map((n) => [n.dataset.key, n]));
    const wanted = $$(":scope > [data-key]", fresh);
    const busy = old.contains(document.activeElement);
    let fresh_ones = 0;
    wanted.forEach((n, i) => {
      const mine = was.get(n.dataset.key);
      was.delete(n.dataset.key);
      if (!mine && busy) { fresh_ones += 1; return; }  // nothing moves under the finger: it comes once the focus has left
      if (mine && (held(mine) || mine.dataset.print === n.dataset.print)) return;
      if (mine) mine.replaceWith(n);
      else {
        const before = wanted.slice(0, i).reverse().map((p) => $$(":scope > [data-key]", old).find((o) => o.dataset.key === p.dataset.key)).find(Boolean);
        before ? before.after(n) : old.prepend(n);
      }
    });
    was.forEach((n) => { if (!held(n) && !busy) n.remove(); });
    const said = $("#fresh-said");
    if (said && fresh_ones) said.textContent = `${fresh_ones} new`;
  };
  const refresh = async () => {
    const root = $("[data-refresh]");
    if (!root || document.hidden) return;
    try {
      const answer = await fetch(location.href, { headers: { "X-Desk-Refresh": "1" }, redirect: "manual" });
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      $$("[data-fresh]").forEach((n) => {
        const next = $(`[data-fresh="${n.dataset.fresh}"]`, fresh);
        if (!next) return;
        if ($(":scope > [data-key]", n) || $(":scope > [data-key]", next)) patch(n, document.adoptNode(next));
        else if (!held(n) && n.innerHTML !== next.innerHTML) n.replaceWith(document.adoptNode(next));
      });
    } catch { /* the network is gone: the page stays as it is, its clocks go on */ }
  };

  const start = () => {
    const main = $("#d-main") || document.body;
    tick();
    setInterval(tick, 1000);
    document.addEventListener("input", (e) => e.target.matches("[data-count]") && count(e.target));
    $$("[data-count]").forEach(count);
    document.addEventListener("click", blocked);
    // Ctrl+Enter presses the one main button.
    document.addEventListener("keydown", (e) => {
      const go = $("[data-go]");
      if (go && e.key === "Enter" && (e.ctrlKey || e.metaKey)) { e.preventDefault(); go.click(); }
      const stop = $("[data-stop]");
      if (stop && e.key === "Escape") stop.focus();
    });
    // A link to a folded part opens it and puts the cursor in it.
    document.addEventListener("click", (e) => {
      const link = e.target.closest("a[href^='#']"), at = link && document.getElementById(link.getAttribute("href").slice(1));
      if (!at || link.classList.contains("d-skip")) return;
      const fold = at.closest("details");
      if (fold) fold.open = true;
      const field = at.matches("input, textarea, select, button") ? at : $("textarea, input:not([type=hidden]), select", at);
      if (field) { e.preventDefault(); field.focus(); field.scrollIntoView({ block: "center" }); }
    });
    document.addEventListener("click", async (e) => {
      const button = e.target.closest("[data-copy]");
      if (!button) return;
      try { await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent); button.textContent = "Copied"; } catch { button.textContent = "Select and copy"; }
    });
    const root = $("[data-refresh]", main);
    if (root) setInterval(refresh, +root.dataset.refresh * 1000);
    const focus = $("[data-focus]");
    if (focus) focus.focus();
  };
  document.readyState === "loading" ? document.addEventListener("DOMContentLoaded", start) : start();
})();
