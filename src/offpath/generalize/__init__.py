"""A model on a distribution it was or was not trained on: errors by stratum, with intervals."""
