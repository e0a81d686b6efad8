"""Studies of what is watched: an indicator, the gap, inspections, timeliness, surveys, a school."""
