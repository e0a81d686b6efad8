"""What a dashboard uses, imported once before the fork server forks; no modelling library.

Its kernels log nothing: anybody may send them anything, and what a page shows says what is wrong.
"""

import importlib
import logging

from evidence.show.render import compile_all

for module in (
    "evidence.board.hub",
    "evidence.board.programme",
    "evidence.board.board",
    "pyarrow.pandas_compat",
    "pyarrow.parquet",
):
    importlib.import_module(module)
compile_all()
logging.disable(logging.CRITICAL)
