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
    var focus = document.activeElement && now.contains(document.activeElement) ? document.activeElement.id : '';
    now.innerHTML = html;
    Object.keys(open).forEach(function (id) {
      var d = document.getElementById(id);
      if (d) { d.open = true; }
    });
    var f = focus && document.getElementById(focus);
    if (f) { f.focus({ preventScroll: true }); }
    var says = now.querySelector('[data-spoken]');
    if (says && spoken.textContent !== says.dataset.spoken) { spoken.textContent = says.dataset.spoken; }
    draw();
    document.title = (says ? says.dataset.title : '') || document.title;
  }
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
      flow.querySelectorAll('[data-way]').forEach(function (card) {
        var way = card.dataset.way;
        var c = box(card);
        var g = add(svg, 'g', { class: card.dataset.level });
        var line, head, x, y;
        if (way === 'in') {
          line = 'M' + c.r + ' ' + c.y + curve(c.r, c.y, middle.l - 40, middle.l - 8, middle.y);
          head = 'M' + middle.l + ' ' + middle.y + 'l-9 -5v10z';
          x = c.r + 6; y = c.y;
        } else if (way === 'out') {
          line = 'M' + (c.l - 8) + ' ' + c.y + curve(c.l, c.y, middle.r + 40, middle.r, middle.y);
          head = 'M' + c.l + ' ' + c.y + 'l-9 -5v10z';
          x = c.l - 12; y = c.y;
        } else {
          var from = box(card.previousElementSibling);
          x = c.l + 24; y = (from.b + c.t) / 2 + 10;
          line = 'M' + x + ' ' + from.b + 'V' + c.t;
          head = way === 'back' ? 'M' + x + ' ' + from.b + 'l-5 9h10z' : 'M' + x + ' ' + c.t + 'l-5 -9h10z';
          x += 12;
        }
        add(g, 'path', { class: 'line', d: line });
        add(g, 'path', { class: 'head', d: head });
        var text = add(g, 'text', { x: x, y: y - 6, 'text-anchor': way === 'out' ? 'end' : 'start' });
        card.dataset.says.split('\n').forEach(function (says, i) {
          add(text, 'tspan', { x: x, dy: ['0', '1.7em', '1.2em'][i] }).textContent = says;
        });
      });
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
  new ResizeObserver(draw).observe(now);
  source.addEventListener('now', function (e) { lost.classList.remove('on'); show(JSON.parse(e.data)); });
  source.addEventListener('config', function (e) { document.getElementById('config-files').innerHTML = JSON.parse(e.data); });
  source.addEventListener('error', function () { lost.classList.add('on'); });
})();
