"""Registers of the public example trials, for whole reports on them."""

TRIALS = """\
[programme.{name}]
title = "{title}"
phase = "not stated"
lead = "not stated"
about = "An example data set of the R package eefAnalytics: not actual trial data."
cost = 0
design = "randomised"
notebook = "trial"
[programme.{name}.parameters]
treatment = "Intervention"
control = "0"
arm = "1"
baseline = "Prettest"
{more}
[programme.{name}.parameters.labels]
Prettest = "Test before the start"
Percentage_Attendance = "Percentage of sessions attended"
[[programme.{name}.outcomes]]
name = "Posttest"
title = "Test"
unit = "sd"
smallest_worthwhile = 0.1
primary = true
[[programme.{name}.cohorts]]
name = "all"
title = "All"
files = {{ pupils = "{file}" }}
"""
CRT = TRIALS.format(
    name="crt",
    title="Example of a cluster trial",
    file="crtData.csv",
    more='lot = "cluster"\ncluster = "School"\nschool = "School"\ndosage = "Percentage_Attendance"',
)
MST = TRIALS.format(
    name="mst",
    title="Example of a multisite trial",
    file="mstData.csv",
    more='lot = "multisite"\nstrata = "School"\nschool = "School"',
)
BARE = TRIALS.format(
    name="bare", title="Scores and arms, nothing else", file="mstData.csv", more=""
).replace('baseline = "Prettest"', "")
THREE = """\
[programme.three]
title = "A trial of three arms"
phase = "not stated"
lead = "nobody: it is simulated"
about = "Pupils by lot; of those offered reading aloud, the weak are seldom measured."
cost = 0
design = "randomised"
notebook = "trial"
simulated = true
[programme.three.parameters]
lot = "simple"
treatment = "arm"
control = "ctl"
arm = "new"
baseline = "pre"
[programme.three.parameters.labels]
ctl = "As usual"
new = "Reading aloud"
oth = "Reading alone"
pre = "Test before"
[[programme.three.outcomes]]
name = "post"
title = "Reading test"
unit = "sd"
smallest_worthwhile = 0.1
primary = true
[[programme.three.outcomes]]
name = "enj"
title = "Enjoys reading"
unit = "pp"
smallest_worthwhile = 5.0
attainment = false
[[programme.three.cohorts]]
name = "2019"
title = "2018/19"
files = { pupils = "three.csv" }
"""
