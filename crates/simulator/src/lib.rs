//! Microsoft Graph and its token endpoint on a loopback socket, with tenants, churn, latency, limits and faults by script.
