"""Runs the pipeline as `dvc repro` does, with stages that do not wait for one another side by side."""
