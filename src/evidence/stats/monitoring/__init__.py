"""Numerics of monitoring: intervals, control charts, funnels, survival, ranks, forecasts."""
