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
