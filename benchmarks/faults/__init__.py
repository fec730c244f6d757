"""What goes wrong, on purpose and by seed: kills, endpoint faults, outside data. Not in the wheel."""
