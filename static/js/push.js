/* “Ring on this device”: asks the browser, then tells the desk where its push service is. */
(() => {
  const form = document.getElementById("push"), button = document.getElementById("push-here");
  if (!form || !button) return;
  const refused = document.getElementById("push-refused");
  const say = (words) => { refused.querySelector("[data-words]").textContent = words; refused.hidden = false; };
  const octets = (letters) => Uint8Array.from(atob(letters.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const letters = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  button.addEventListener("click", async () => {
    if (!("serviceWorker" in navigator) || !("PushManager" in window)) { say("This browser cannot. On an iPhone add the desk to the home screen first."); return; }
    try {
      if (await Notification.requestPermission() !== "granted") { say("Allow notifications for this page in the browser's settings."); return; }
      const worker = await navigator.serviceWorker.register(form.dataset.worker);
      const ready = worker.active ? worker : await new Promise((done) => { const part = worker.installing || worker.waiting; part.addEventListener("statechange", () => { if (part.state === "activated") done(worker); }); });
      const device = await ready.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: octets(form.dataset.key) });
      const told = new FormData(form);
      told.set("act", "add");
      told.set("endpoint", device.endpoint);
      told.set("p256dh", letters(device.getKey("p256dh")));
      told.set("auth", letters(device.getKey("auth")));
      const answer = await fetch(location.href, { method: "POST", body: told });
      if (answer.ok) location.reload(); else say((await answer.json()).refused);
    } catch (error) { say(`The browser's push service did not answer (${error.name}).`); }
  });
})();
