"""What somebody may call a school, a programme, a column or a parameter to do harm."""

import json

import pandas as pd
from run_folders import BETTER, effect, notebook_cells, pictures, write_run

from evidence.data.schema import INDICATORS

_RUN = ("window.harmed=1", "top.harmed=1")
_TAGS = (
    "<script>{0}</script>",
    "<ScRiPt>{0}</sCrIpT>",
    "<script src=data:text/javascript,{0}></script>",
    "<img src=x onerror={0}>",
    "<img src=x onerror='{0}'>",
    "<svg onload={0}>",
    "<svg><script>{0}</script></svg>",
    "<svg><animate onbegin={0} attributeName=x dur=1s>",
    "<body onload={0}>",
    "<iframe srcdoc='<script>{0}</script>'>",
    "<iframe src=javascript:{0}>",
    "<a href=javascript:{0} autofocus onfocus={0}>x</a>",
    "<input autofocus onfocus={0}>",
    "<details open ontoggle={0}>",
    "<video><source onerror={0}>",
    "<math><mtext><img src=x onerror={0}></mtext></math>",
    "<object data=javascript:{0}>",
    "<embed src=data:text/html,<script>{0}</script>>",
    "<link rel=stylesheet href=javascript:{0}>",
    "<base href=javascript:{0}//>",
    "<form action=javascript:{0}><button autofocus>x</button></form>",
    "<template><script>{0}</script></template>",
    "<noscript><img src=x onerror={0}></noscript>",
    "<textarea autofocus onfocus={0}>",
    "<style>@import 'data:,{0}';</style><img src=x onerror={0}>",
    '<pre class=mermaid>graph TD; A["<img src=x onerror={0}>"]</pre>',
)
_OUT = (
    "{0}",
    '">{0}',
    "'>{0}",
    "--&gt;-->{0}",
    "]]>{0}",
    "</title>{0}",
    "</style>{0}",
    "</script>{0}",
    "</textarea>{0}",
    "</svg>{0}",
)
_ALONE = (
    '" onmouseover="window.harmed=1" autofocus onfocus="window.harmed=1" x="',
    "' autofocus onfocus='window.harmed=1' x='",
    "javascript:window.harmed=1",
    "data:text/html,<script>window.harmed=1</script>",
    "&lt;script&gt;window.harmed=1&lt;/script&gt;",
    "&#60;script&#62;window.harmed=1&#60;/script&#62;",
    "\\u003cscript\\u003ewindow.harmed=1\\u003c/script\\u003e",
    "%3Cscript%3Ewindow.harmed=1%3C/script%3E",
    "[x](javascript:window.harmed=1)",
    "[x](JaVaScRiPt:window.harmed=1)",
    '![x](x" onerror="window.harmed=1)',
    '[x](https://a.example"onmouseover="window.harmed=1)',
    "<javascript:window.harmed=1>",
    "[x]: javascript:window.harmed=1",
    "``` <script>window.harmed=1</script>",
    "${window.harmed=1}",
    "{{constructor.constructor('window.harmed=1')()}}",
    "$\\frac{broken$",
    "$$<script>window.harmed=1</script>$$",
    "$x^2$ and $",
    "\\(<img src=x onerror=window.harmed=1>\\)",
    'style="x:expression(window.harmed=1)"',
    "C# and #main",
    "\u202egnihtyna\u202c",
    "a\u0000b\u0007c",
    "\u2028<script>window.harmed=1</script>",
    "\ufeff=1+1",
    "ﬀ 😀 漢字 ٣",
    "{threshold} {base} {months}",
    "%s %n {0} {}",
    "a\nb\r\nc\td",
    "x" * 300,
    "../../../etc/passwd",
    "| a | b |\n|---|---|\n| <script>window.harmed=1</script> | c |",
)
FORMULAE = (
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("https://a.example","x")',
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    " =1+1",
    "\u00a0=1+1",
    "\u200b=1+1",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(1)",
    "a;=1+1",
    'a,"=1+1',
    "a\n=1+1",
    "a\t=1+1",
    '";=1+1',
    "'=1+1",
    '=IMPORTXML("https://a.example","//a")',
    '=DDE("cmd";"/C calc";"x")',
    "{=1+1}",
    '=WEBSERVICE("https://a.example")',
)
_BARE = tuple(tag.format(_RUN[i % 2]) for i, tag in enumerate(_TAGS))
_BROKEN_OUT = tuple(
    tuple(out.format(tag.format("window.harmed=1")) for out in _OUT[1:]) for tag in _TAGS[:16]
)
PAYLOADS = (*_BARE, *(one for row in zip(*_BROKEN_OUT, strict=True) for one in row), *_ALONE,
            *FORMULAE)  # fmt: skip
# The same payloads in fewer texts. A tag stands once behind each way out in one text: the first
# way that leads out of where the text is put has a live tag next to it, as it would by itself. (A
# tag that itself swallows what follows can do so only where it is live.) What must begin a text,
# or be all of it, stands by itself.
TEXTS = (
    *(" ".join((bare, *row)) for bare, row in zip(_BARE, _BROKEN_OUT, strict=False)),
    *_BARE[len(_BROKEN_OUT) :],
    *_ALONE,
    *FORMULAE,
)


def harmful(root, payloads=TEXTS):
    """Write a run and a card for each text of payloads, which stands wherever one may stand."""
    runs, made = [], []
    for place, harm in enumerate(payloads):
        name = f"p{place}"
        row = effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20) | {
            "programme": name, "outcome": harm, "method": harm, "caveats": harm,
        }  # fmt: skip
        other = row | {"subgroup": harm, "primary": False}
        drawn = []
        if place % 10 == 0:  # drawing takes long: ten texts a picture
            (one,) = pictures(effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20))
            ten = payloads[place : place + 10]
            table = pd.concat([one.table.assign(label=h, note=h) for h in ten], ignore_index=True)
            table = table.rename(columns={"note": harm})
            kept = ("name", "kind", "counts", "statistics", "axes")
            drawn.append(
                type(one)(**{k: getattr(one, k) for k in kept}, title=harm, alt=harm, table=table)
            )
        watched = pd.DataFrame(
            [
                {"run_id": "x", "indicator": harm, "area": harm, "group": harm, "period": harm,
                 "value": 1.5, "ci_lower": 1.0, "ci_upper": 2.0, "unit": harm, "n": 250.0,
                 "comparator": harm, "comparator_value": 1.4, "rank": 3.0, "band": harm,
                 "symbol": "", "sentence": harm, "published": ""}
            ]
        )[list(INDICATORS)]  # fmt: skip
        cells = notebook_cells(drawn)
        cells[0]["source"] += f"\n\n{harm}\n\n## {harm}\n\n- {harm}\n\n{harm}"
        cells[3]["source"] = f"school = {json.dumps(harm)}\n# {harm}"
        runs.append(
            write_run(
                root / f"runs/{name}/2018/{place:016x}", [row, other], drawn, watched, cells=cells,
                notebook=harm, commit=harm, parameters={harm: harm, "list": [harm]}, author=harm,
                inputs={harm: harm}, versions={harm: harm}, lock_sha256=harm, finished=harm,
            )
        )  # fmt: skip
        texts = ("title", "phase", "lead", "about", "ask_next", "claim")
        made.append(
            dict.fromkeys(texts, harm) | {
                "name": name, "design": "matched", "simulated": True, "automatic": True, "cost": 3,
                "cohorts": [{"name": "2018", "title": harm}],
                "outcomes": [{"name": harm, "title": harm, "unit": "pp",
                              "smallest_worthwhile": 1.0, "primary": True}],
            }
        )  # fmt: skip
    return runs, made
