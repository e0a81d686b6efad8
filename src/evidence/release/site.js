(() => {
  const bar = document.querySelector(".filters");
  const rows = [...document.querySelectorAll("tr[data-verdict]")];
  const choices = [...bar.querySelectorAll("select")];
  const said = bar.querySelector("p");
  const show = () => {
    let shown = 0;
    for (const row of rows) {
      row.hidden = !choices.every((c) => !c.value || row.dataset[c.name] === c.value);
      shown += !row.hidden;
    }
    for (const group of document.querySelectorAll(".group"))
      group.hidden = !group.querySelector("tbody tr:not([hidden])");
    said.textContent = shown
      ? `${shown} of ${rows.length} results shown`
      : "No result matches these choices.";
  };
  for (const choice of choices) choice.addEventListener("change", show);
  bar.hidden = false;
  show();
})();
