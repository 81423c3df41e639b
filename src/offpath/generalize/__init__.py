"""Every network on every distribution, trained on it or not: scores by stratum, with intervals."""
