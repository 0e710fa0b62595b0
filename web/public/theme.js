// Runs before the first paint so that a light desk never flashes dark.
;(function () {
  try {
    var theme = localStorage.getItem('pd-theme')
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
  } catch {
    // Storage can be refused; dark is the default.
  }
})()
