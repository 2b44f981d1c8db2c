"""Record LightGBM's trainings."""
