"""Judge models: splits by time, cross-validation, scores, selection, figures."""
