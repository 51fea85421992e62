/* A copy of this page that has lain somewhere for 90 seconds must not go on saying how things are. The words to show then stand
   in data-aged (as JSON, percent-encoded: nothing that is not true now is text in the page). The age is the larger of two: what
   this device's clock says, and the time since the page was opened, which a wrong clock cannot shorten. A service's own page is not
   made anew every few seconds and has no data-built: there only the second counts. */
(function (d) {
  var root = d.documentElement, script = d.currentScript;
  var built = +root.getAttribute('data-built');
  if (!script || root.getAttribute('data-freshness') !== 'fresh') return;
  function all(selector, act) { [].forEach.call(d.querySelectorAll(selector), act); }
  function age() { return Math.max(built ? Date.now() / 1000 - built : 0, performance.now() / 1000); }
  function turn() {
    var words = JSON.parse(decodeURIComponent(script.getAttribute('data-aged')));
    var h1 = d.querySelector('h1');
    root.setAttribute('data-freshness', 'stale');
    d.title = words.title;
    all('#now h3', function (open) { /* an open incident stays above it */
      var line = d.createElement('p');
      line.className = 'was';
      line.innerHTML = open.innerHTML;
      h1.parentNode.insertBefore(line, h1);
    });
    h1.textContent = words.sentence;
    h1.className = h1.className.replace('lo', '');
    all('.lead', function (lead) { lead.textContent = words.lead; });
    all('.count', function (count) { count.textContent = words.count; });
    all('.band use, .st use', function (use) { use.setAttributeNS('http://www.w3.org/1999/xlink', 'href', '#u'); });
    all('.c', function (row) { row.className = 'c k'; });
    all('.st span', function (state) {
      state.textContent = state.hasAttribute('data-worse') ? words.worse.replace('%', state.textContent) : words.word;
    });
  }
  function check() {
    if (root.getAttribute('data-freshness') !== 'fresh') return;
    var left = 90 - age();
    if (left <= 0) turn(); else setTimeout(check, left * 1000 + 50);
  }
  d.addEventListener('visibilitychange', check);
  addEventListener('pageshow', check);
  check();
})(document);
