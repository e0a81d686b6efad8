(() => {
  const bar = document.querySelector(".filters");
  const rows = [...document.querySelectorAll("tr[data-verdict]")];
  const words = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const choices = [...bar.querySelectorAll("select")];
  const search = bar.querySelector("input");
  const said = bar.querySelector("p");
  const show = () => {
    const asked = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      row.hidden = !(
        choices.every((c) => !c.value || row.dataset[c.name] === c.value) &&
        asked.every((word) => words.get(row).includes(word))
      );
      shown += !row.hidden;
    }
    for (const group of document.querySelectorAll(".group"))
      group.hidden = !group.querySelector("tbody tr:not([hidden])");
    said.textContent = shown
      ? `${shown} of ${rows.length} results shown`
      : "No result matches these choices.";
  };
  for (const choice of choices) choice.addEventListener("change", show);
  search.addEventListener("input", show);
  bar.hidden = false;
  show();
})();
