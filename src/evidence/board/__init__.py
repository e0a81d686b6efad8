"""The widgets that the dashboards share."""
