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
    document.title = (says ? says.dataset.title : '') || document.title;
  }
  source.addEventListener('now', function (e) { lost.classList.remove('on'); show(JSON.parse(e.data)); });
  source.addEventListener('error', function () { lost.classList.add('on'); });
})();
