"""One module a verb of the `recommit` command, each with a click command named `command`."""
