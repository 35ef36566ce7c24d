"""Evidence: what each stage found, as typed files that the gate, the report and the registry read."""
