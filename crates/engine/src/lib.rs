//! A run from claim to finish: paths side by side, leases, limits, cancellation.
