"""Turns descriptions of panels into the dashboards of deploy/grafana: `python -m deploy.dashboards`."""
