"""The widgets that the dashboards share."""

import sys

# As in `evidence.run`: Voila reads notebooks, which would compile IRI grammars (1 to 2 s).
sys.modules.setdefault("rfc3987_syntax", None)
