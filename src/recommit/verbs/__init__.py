"""One module for each verb of the `recommit` command, with a click command named `command`."""
