"""What an operator takes: alert rules for Prometheus, a dashboard for Grafana, made of the list of metrics."""
