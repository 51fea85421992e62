/* Shows a call that came by web push, and opens the desk where it is dealt with. It caches nothing. */
self.addEventListener("push", (event) => {
  const told = event.data ? event.data.json() : { title: "The desk calls", body: "", url: "/admin/", tag: "call" };
  event.waitUntil(self.registration.showNotification(told.title, { body: told.body, tag: told.tag, requireInteraction: true, data: { url: told.url } }));
});
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow(event.notification.data.url));
});
