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
  function made(name, text) {
    var one = d.createElement(name);
    one.textContent = text;
    return one;
  }
  function drawn(shape) { /* one of the page's own, as a picture by itself */
    return '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="#66717c"><path fill-rule="evenodd" d="' +
      d.getElementById(shape).getAttribute('d') + '"/></svg>';
  }
  function turn() {
    var words = JSON.parse(decodeURIComponent(script.getAttribute('data-aged')));
    var h1 = d.querySelector('h1');
    root.setAttribute('data-freshness', 'stale');
    d.title = words.title;
    all('link[rel=icon]', function (icon) { icon.href = 'data:image/svg+xml,' + encodeURIComponent(drawn('u')); });
    var open = d.querySelector('#now h3'); /* an open incident stays above it, and how many more there are */
    if (open) {
      var line = h1.parentNode.insertBefore(made('p', ''), h1);
      line.className = 'was'; /* names of classes stand like this, for the sheet is cut to them (statuspage.sheets) */
      line.innerHTML = open.innerHTML + ' ';
      if (words.more) line.appendChild(made('a', words.more)).href = '#now';
    }
    h1.textContent = words.sentence;
    if (open) h1.className = 'lo'; else h1.className = h1.className.replace('lo', '');
    var action = d.querySelector('.do'), facts = d.querySelector('.f');
    if (!action) {
      var row = facts.insertBefore(made('div', ''), facts.firstChild);
      row.className = 'y';
      row.appendChild(made('dt', words.todo));
      action = row.appendChild(made('dd', '')).appendChild(made('strong', ''));
    }
    action.textContent = words.action;
    all('.still', function (claim) { claim.textContent = ''; });
    all('.f strong.big', function (promise) { /* nobody says here that it came to be late */
      if (!words.late || promise.nextElementSibling) return;
      promise.parentNode.appendChild(made('br', ''));
      promise.parentNode.appendChild(made('span', words.late));
    });
    all('.lead', function (lead) { lead.textContent = words.lead; });
    all('.count', function (count) { count.textContent = words.count; });
    all('.band use, .st use, #now .k use', function (use) { use.setAttributeNS('http://www.w3.org/1999/xlink', 'href', '#u'); });
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
