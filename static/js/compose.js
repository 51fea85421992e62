/* The composer: what is typed is kept every 20 s and on leaving, and shown as it will look. Without it the form works all the same. */
(() => {
  const EVERY = 20000, PAUSE = 1500;
  const start = () => {
    const form = document.querySelector("form[data-keep]");
    document.addEventListener("click", (e) => {  // a time to pick
      const pick = e.target.closest("[data-pick] button");
      if (!pick) return;
      const put = (name, value) => { const f = pick.form.elements[name]; f.value = value; f.dispatchEvent(new Event("input", { bubbles: true })); };
      put("next_day", pick.dataset.day);
      put("next_time", pick.dataset.time);
    });
    document.addEventListener("click", (e) => {  // a proposed service is named by whoever takes it
      const take = e.target.closest("[data-take]");
      if (!take) return;
      const field = take.form.elements[take.dataset.take];
      field.value = take.dataset.state;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      field.closest("details").open = true;
      take.closest(".d-srow").hidden = true;
      field.focus();
    });
    const gsm = /^[@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà^{}\\[~\]|€]*$/;
    const plain = (t) => t.replace(/[’‘]/g, "'").replace(/[“”]/g, '"').replace(/–/g, "-").replace(/…/g, "...").split(/\s+/).join(" ").trim();
    const sms = () => document.querySelectorAll("[data-sms-of]").forEach((out) => {
      const text = out.dataset.before + plain(document.getElementById(out.dataset.smsOf).value) + out.dataset.after;
      const one = gsm.test(text) ? 160 : 70, parts = text.length <= one ? 1 : Math.ceil(text.length / (one === 160 ? 153 : 67));
      out.textContent = `SMS: ${text.length} of ${one}${parts > 1 ? `, ${parts} messages` : ""}`;
      out.classList.toggle("d-over", parts > 1);
    });
    sms();
    // One press posts once. The network is asked first: if it is gone the words stay, and pressing again cannot post twice.
    // It is asked as the finger goes down, so that the answer is here when it comes up.
    let asked = null;
    const ask = () => {
      if (asked && Date.now() - asked.at < 1000) return asked.answer;
      asked = { at: Date.now(), answer: fetch(document.querySelector("script[src*='compose.js']").src, { method: "HEAD", cache: "no-store" }) };
      asked.answer.catch(() => { asked = null; });
      return asked.answer;
    };
    document.addEventListener("pointerdown", (e) => { if (e.target.closest("form.d-form button")) ask(); });
    const unknown = (f) => {
      const old = f.querySelector("[data-unknown]");
      if (old) old.remove();
      f.insertAdjacentHTML("afterbegin", '<div class="d-bans" data-unknown><div class="d-ban is-delayed" role="alert"><svg class="d-g" aria-hidden="true"><use href="#g-wait"/></svg><div><p><b>We don’t know if it went out: the network is gone.</b> Your words are here. Press again: it cannot go out twice.</p></div></div></div>');
      f.querySelector("[data-unknown]").scrollIntoView({ block: "center" });
    };
    document.querySelectorAll("form.d-form").forEach((f) => f.addEventListener("submit", async (e) => {
      if (f.dataset.sure === "1") { f.dataset.sure = "2"; return; }  // the one that was asked for
      e.preventDefault();
      if (f.dataset.asking) return;
      f.dataset.asking = "1";
      try {
        await ask();
        await new Promise((done) => { setTimeout(done); });  // while this submit is still being told, another is ignored
        f.dataset.sure = "1";
        f.requestSubmit(e.submitter);
        setTimeout(() => { delete f.dataset.sure; delete f.dataset.asking; }, 4000);
      } catch {
        delete f.dataset.asking;
        unknown(f);
      }
    }));
    const copies = () => { try { return Object.keys(sessionStorage).filter((key) => key.startsWith("desk:")); } catch { return []; } };
    if (!form) {
      // Words that a lapsed login left in this window: on to their fields. What another page answered was taken.
      const words = document.querySelector("a[href^='?words=1']");
      if (words && copies().includes(`desk:${location.pathname}`)) location.replace(words.getAttribute("href"));
      else if (document.querySelector("[data-refused]")) document.querySelector("[data-refused]").hidden = !copies().includes(`desk:${location.pathname}`);
      else if (location.pathname.startsWith("/admin/")) copies().forEach((key) => { if (JSON.parse(sessionStorage.getItem(key)).posted) sessionStorage.removeItem(key); });
      return;
    }

    const said = document.getElementById("kept"), lost = document.getElementById("lost"), restored = document.getElementById("restored");
    const name = `desk:${location.pathname}`, born = Date.parse(form.dataset.keptAt), opened = Date.now(), now = () => born + Date.now() - opened;
    const values = () => [...new FormData(form)].filter(([key]) => key !== "csrfmiddlewaretoken" && key !== "act");
    const print = () => JSON.stringify(values().filter(([key]) => !["seen_at", "seen_last"].includes(key)));
    // What was typed before this script ran, or put back by the browser, is not kept yet.
    const early = [...form.elements].some((f) => f.matches("textarea, input:not([type=hidden]):not([type=checkbox]):not([type=radio])") && f.value !== f.defaultValue);
    let kept = early ? "" : print(), typed = kept, timer = early ? setTimeout(() => keep(), PAUSE) : 0, leaving = false;

    // A copy in this window outlives a lapsed login; it is gone as soon as the desk has kept it.
    const copy = (posted = false) => { try { sessionStorage.setItem(name, JSON.stringify({ at: now(), posted, values: values() })); } catch { /* full or refused */ } };
    const forget = () => { try { sessionStorage.removeItem(name); } catch { /* refused */ } };
    const back = () => {
      let old = null;
      try { old = JSON.parse(sessionStorage.getItem(name) || "null"); } catch { /* refused */ }
      if (!old) return;
      forget();
      const fields = new Map();
      old.values.forEach(([key, value]) => { if (!["seen_at", "seen_last", "mode"].includes(key)) fields.set(key, [...(fields.get(key) || []), value]); });
      [...form.elements].forEach((f) => {
        if (!f.name || f.type === "hidden" || f.tagName === "BUTTON") return;
        const mine = fields.get(f.name) || [];
        if (f.type === "checkbox" || f.type === "radio") f.checked = mine.includes(f.value);
        else if (f.multiple) [...f.options].forEach((o) => { o.selected = mine.includes(o.value); });
        else f.value = mine[0] ?? "";
        f.dispatchEvent(new Event("input", { bubbles: true }));
      });
      if (print() !== kept) restored.hidden = false;
    };

    const put = (html) => Object.entries(html).forEach(([part, text]) => {
      const place = document.getElementById(`live-${part}`);
      if (!place || place.contains(document.activeElement)) return;
      const chosen = [...place.querySelectorAll("input:checked")].map((i) => `${i.name}=${i.value}`);
      place.innerHTML = text;
      place.querySelectorAll("input").forEach((i) => { i.checked = chosen.includes(`${i.name}=${i.value}`) || (i.checked && !chosen.some((c) => c.startsWith(`${i.name}=`))); });
    });
    const keep = async () => {
      const mine = print();
      if (mine === kept || leaving) return;
      try {
        const answer = await fetch(form.dataset.keep, { method: "POST", body: new FormData(form), redirect: "manual", headers: { "X-Requested-With": "fetch" } });
        if (answer.type === "opaqueredirect" || answer.status === 403) throw new Error("signed out");
        const told = await answer.json();
        lost.hidden = Boolean(answer.ok);
        if (!answer.ok) { lost.querySelector("[data-lost]").textContent = told.refused; return; }
        kept = mine;
        if (print() === mine) forget();
        said.textContent = `Saved ${told.saved}`;
        put(told.html);
      } catch { lost.hidden = false; copy(); }
    };
    form.addEventListener("input", () => {
      typed = print();
      sms();
      if (typed === kept) return;
      said.textContent = "Not saved yet";
      copy();
      clearTimeout(timer);
      timer = setTimeout(keep, PAUSE);
    });
    setInterval(keep, EVERY);
    form.addEventListener("submit", () => { copy(true); leaving = true; setTimeout(() => { leaving = false; }, 4000); });
    document.querySelectorAll("form[action*='/forget/'], form[action*='/discard/']").forEach((f) => f.addEventListener("submit", () => { forget(); leaving = true; }));
    addEventListener("pagehide", () => {
      if (leaving || print() === kept) return;
      navigator.sendBeacon(form.dataset.keep, new FormData(form));
    });
    back();
  };
  document.readyState === "loading" ? document.addEventListener("DOMContentLoaded", start) : start();
})();
