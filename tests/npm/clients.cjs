// What programs from npm make of our page: node clients.cjs <origin>, one JSON object on stdout.
const ICAL = require("ical.js");
const RSSParser = require("rss-parser");
const { Statuspage } = require("statuspage.io");

const FEEDS = ["/history.atom", "/history.rss", "/updates.atom", "/updates.rss", "/sw/updates.atom", "/cap.atom"];

async function main(origin) {
  const client = new Statuspage("ours");
  client.setApiUrl(origin);
  const api = client.api;
  const said = {
    summary: await api.getSummary(),
    status: await api.getStatus(),
    components: await api.getComponents(),
    incidents: await api.incidents.getAll(),
    unresolved: await api.incidents.getUnresolved(),
    upcoming: await api.scheduledMaintenances.getUpcoming(),
    feeds: {},
  };
  const parser = new RSSParser();
  for (const path of FEEDS) {
    said.feeds[path] = (await parser.parseURL(origin + path)).items.map((item) => item.link);
  }
  ICAL.design.strict = true;
  const calendar = new ICAL.Component(ICAL.parse(await (await fetch(origin + "/maintenance.ics")).text()));
  said.events = calendar.getAllSubcomponents("vevent").map((event) => new ICAL.Event(event).summary);
  process.stdout.write(JSON.stringify(said));
}

main(process.argv[2]).catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
