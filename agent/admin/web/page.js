// The server sends the page's changing part whenever it changes; this puts it in place, and keeps
// what is open and what has the focus.
(function () {
  var now = document.getElementById('now');
  var lost = document.getElementById('lost');
  var spoken = document.getElementById('spoken');
  var source = new EventSource('events');
  function show(html) {
    var open = {};
    now.querySelectorAll('details[open][id]').forEach(function (d) { open[d.id] = true; });
    put(now, html, open);
    var says = now.querySelector('[data-spoken]');
    if (says && spoken.textContent !== says.dataset.spoken) { spoken.textContent = says.dataset.spoken; }
    draw();
    document.title = (says ? says.dataset.title : '') || document.title;
  }
  // put has html in a place, with those details open, and leaves the focus where it is.
  function put(at, html, open) {
    var focus = at.contains(document.activeElement) ? document.activeElement.id : '';
    var tops = {};
    at.querySelectorAll('.wide').forEach(function (w) { tops[w.id] = [w.scrollTop, w.scrollLeft]; });
    at.innerHTML = html;
    Object.keys(open || {}).forEach(function (id) {
      var d = document.getElementById(id);
      if (d) { d.open = true; }
    });
    Object.keys(tops).forEach(function (id) {
      var w = document.getElementById(id);
      if (w) { w.scrollTop = tops[id][0]; w.scrollLeft = tops[id][1]; }
    });
    var f = focus && document.getElementById(focus);
    if (f) { f.focus({ preventScroll: true }); }
  }
  // While somebody selects a text, what changes waits, but not for long.
  var waits = null, since = 0;
  function selects() {
    var s = document.getSelection();
    return s && !s.isCollapsed && now.contains(s.anchorNode);
  }
  function update() {
    if (waits === null || selects() && Date.now() - since < 20000) { return; }
    var html = waits;
    waits = null;
    show(html);
  }
  document.addEventListener('selectionchange', update);
  // draw puts lines between the cards, which say the same to those who do not see them.
  function draw() {
    now.querySelectorAll('.flow').forEach(function (flow) {
      var at = flow.getBoundingClientRect();
      var svg = flow.querySelector('.edges');
      svg.replaceChildren();
      function box(e) {
        var r = e.getBoundingClientRect();
        var top = r.top - at.top;
        return { l: r.left - at.left, r: r.right - at.left, t: top, b: top + r.height, y: top + Math.min(r.height / 2, 28) };
      }
      var middle = box(flow.querySelector('.middle'));
      // Labels come first: lines bend behind the longest of a side.
      var sides = { in: { cards: [], longest: 0 }, out: { cards: [], longest: 0 } };
      flow.querySelectorAll('[data-way]').forEach(function (card) {
        var way = card.dataset.way;
        var c = box(card);
        var g = add(svg, 'g', { class: card.dataset.level });
        var x, y;
        if (way === 'in' || way === 'out') {
          x = way === 'in' ? c.r + 6 : c.l - 12; y = c.y;
        } else {
          var from = box(card.previousElementSibling);
          x = c.l + 24; y = (from.b + c.t) / 2 + 10;
          ends(g, 'M' + x + ' ' + from.b + 'V' + c.t,
            way === 'back' ? 'M' + x + ' ' + from.b + 'l-5 9h10z' : 'M' + x + ' ' + c.t + 'l-5 -9h10z');
          x += 12;
        }
        var text = add(g, 'text', { x: x, y: y - 6, 'text-anchor': way === 'out' ? 'end' : 'start' });
        card.dataset.says.split('\n').forEach(function (says, i) {
          add(text, 'tspan', { x: x, dy: ['0', '1.7em', '1.2em'][i] }).textContent = says;
        });
        if (sides[way]) {
          sides[way].cards.push({ box: c, g: g });
          sides[way].longest = Math.max(sides[way].longest, text.getBBox().width);
        }
      });
      // Each line meets the buffer at a height of its own.
      Object.keys(sides).forEach(function (way) {
        var cards = sides[way].cards;
        var room = Math.max(middle.b - 10 - middle.y, 0);
        var apart = Math.min(room / Math.max(cards.length - 1, 1), 24);
        cards.forEach(function (card, i) {
          var c = card.box;
          var height = middle.y + i * apart;
          if (way === 'in') {
            var bend = Math.min(Math.max(middle.l - 48, c.r + sides.in.longest + 12), middle.l - 28);
            ends(card.g, 'M' + c.r + ' ' + c.y + curve(c.r, c.y, bend, middle.l - 8, height),
              'M' + middle.l + ' ' + height + 'l-9 -5v10z');
          } else {
            var turn = Math.max(Math.min(middle.r + 48, c.l - sides.out.longest - 18), middle.r + 20);
            ends(card.g, 'M' + (c.l - 8) + ' ' + c.y + curve(c.l, c.y, turn, middle.r, height),
              'M' + c.l + ' ' + c.y + 'l-9 -5v10z');
          }
        });
      });
    });
  }
  // ends puts a line and its head below the label that is there.
  function ends(g, line, head) {
    [['head', head], ['line', line]].forEach(function (part) {
      g.prepend(add(g, 'path', { class: part[0], d: part[1] }));
    });
  }
  // curve goes straight on from x, y to bend, and from there to a height at the end.
  function curve(x, y, bend, end, height) {
    var half = (bend + end) / 2;
    return 'H' + bend + 'C' + [half, y, half, height, end, height].join(' ');
  }
  function add(to, name, attributes) {
    var e = to.appendChild(document.createElementNS(to.namespaceURI, name));
    Object.keys(attributes).forEach(function (k) { e.setAttribute(k, attributes[k]); });
    return e;
  }
  // What was refused is read when somebody wants to see it.
  var letters = document.getElementById('letters');
  letters.addEventListener('toggle', function () {
    if (!letters.open) { return; }
    var list = document.getElementById('letters-list');
    fetch('dead-letters').then(function (r) {
      if (!r.ok) { throw new Error('it answers ' + r.status); }
      return r.text();
    }).then(function (html) { list.innerHTML = html; }).catch(function (e) {
      list.textContent = 'The agent does not tell of them: ' + e.message;
    });
  });
  new ResizeObserver(draw).observe(now);
  // Something comes each second: of an agent that hangs, or is cut off, nothing does.
  var heard = Date.now();
  function hears() {
    heard = Date.now();
    lost.classList.remove('on');
  }
  setInterval(function () {
    if (Date.now() - heard > 8000) { lost.classList.add('on'); }
  }, 1000);
  source.addEventListener('alive', hears);
  source.addEventListener('now', function (e) {
    hears();
    if (waits === null) { since = Date.now(); }
    waits = JSON.parse(e.data);
    update();
  });
  source.addEventListener('foot', function (e) { put(document.getElementById('foot'), JSON.parse(e.data)); });
  source.addEventListener('config', function (e) { document.getElementById('config-files').innerHTML = JSON.parse(e.data); });
  source.addEventListener('error', function () { lost.classList.add('on'); });
})();
