"""Judge models: splits by time, cross-validation, scores, selection, figures."""

import pandas as pd

pd.set_option("display.max_colwidth", None)  # a reason that is cut says nothing
