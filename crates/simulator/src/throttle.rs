//! Request limits like Intune's.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lastseen_contracts::Workload;
use lastseen_model::TenantId;
use tokio::time::Instant;

use crate::config::ThrottlePlan;

/// The limits of all tenants. There is one application, so a tenant is all there is to tell windows apart by.
#[derive(Debug)]
pub(crate) struct Throttle {
    plan: Option<ThrottlePlan>,
    windows: Mutex<HashMap<TenantId, Window>>,
}

#[derive(Debug, Default)]
struct Window {
    /// When the newest requests to Intune came, at most as many as the limit.
    intune: VecDeque<Instant>,
    /// When conditional access last let one through.
    conditional_access: Option<Instant>,
}

/// A request over a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Throttled {
    /// The header's text; conditional access sends none.
    pub(crate) retry_after: Option<String>,
}

impl Throttle {
    pub(crate) fn new(plan: Option<ThrottlePlan>) -> Self {
        Self { plan, windows: Mutex::default() }
    }

    /// Counts a request. A throttled one to Intune counts like any other; conditional access counts those it lets through.
    pub(crate) fn admit(&self, tenant: TenantId, workload: Workload, now: Instant) -> Result<(), Throttled> {
        let Some(plan) = self.plan else { return Ok(()) };
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.entry(tenant).or_default();
        match workload {
            Workload::Intune => window.admit_intune(&plan, now),
            Workload::ConditionalAccess => window.admit_conditional_access(plan.conditional_access_interval.mul_f64(plan.scale), now),
            // Their limits are not published, or never met by so few requests.
            Workload::Identity | Workload::CloudPc => Ok(()),
        }
    }
}

impl Window {
    /// Full when the request `limit` before this one is still within the window.
    fn admit_intune(&mut self, plan: &ThrottlePlan, now: Instant) -> Result<(), Throttled> {
        let (limit, window) = (plan.requests.max(1) as usize, plan.window.mul_f64(plan.scale));
        let full = self.intune.len() == limit && self.intune.front().is_some_and(|first| now - *first < window);
        if self.intune.len() == limit {
            self.intune.pop_front();
        }
        self.intune.push_back(now);
        if !full {
            return Ok(());
        }
        let free = self.intune.front().map_or(window, |first| (*first + window).saturating_duration_since(now));
        let told = if plan.clients_clock_too { free.div_f64(plan.scale) } else { free };
        Err(Throttled { retry_after: Some(seconds(told)) })
    }

    fn admit_conditional_access(&mut self, interval: Duration, now: Instant) -> Result<(), Throttled> {
        if self.conditional_access.is_some_and(|last| now - last < interval) {
            return Err(Throttled { retry_after: None });
        }
        self.conditional_access = Some(now);
        Ok(())
    }
}

/// Whole seconds, rounded up; below one second, which only a scaled window gives, a decimal, as Graph sends them too.
fn seconds(wait: Duration) -> String {
    if wait < Duration::from_secs(1) {
        format!("{:.3}", wait.as_secs_f64() + 0.001)
    } else {
        (wait + Duration::from_nanos(999_999_999)).as_secs().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle(requests: u32) -> Throttle {
        Throttle::new(Some(ThrottlePlan { requests, ..ThrottlePlan::intune() }))
    }

    fn tenant(number: u128) -> TenantId {
        TenantId::try_from(uuid::Uuid::from_u128(number)).expect("a tenant")
    }

    #[test]
    fn a_full_window_throttles_until_its_oldest_request_leaves_it() {
        let (throttle, start) = (throttle(3), Instant::now());
        let at = |ms| throttle.admit(tenant(1), Workload::Intune, start + Duration::from_millis(ms));
        assert!((0..3).all(|n| at(n * 100).is_ok()));
        assert_eq!(at(500), Err(Throttled { retry_after: Some("20".to_owned()) }));
        assert!(at(20_300).is_ok());
    }

    #[test]
    fn requests_while_throttled_count_against_the_limit() {
        let (throttle, start) = (throttle(2), Instant::now());
        let at = |s| throttle.admit(tenant(1), Workload::Intune, start + Duration::from_secs(s)).is_ok();
        assert!(at(0) && at(1));
        assert!((2..60).all(|s| !at(s)), "a client that keeps asking stays throttled");
        assert!(at(79), "and one that waits does not");
    }

    #[test]
    fn tenants_and_workloads_have_windows_of_their_own() {
        let (throttle, now) = (throttle(1), Instant::now());
        assert!(throttle.admit(tenant(1), Workload::Intune, now).is_ok());
        assert!(throttle.admit(tenant(1), Workload::Intune, now).is_err());
        assert!(throttle.admit(tenant(2), Workload::Intune, now).is_ok());
        assert!(throttle.admit(tenant(1), Workload::CloudPc, now).is_ok());
    }

    #[test]
    fn conditional_access_lets_one_through_a_second_and_never_says_when() {
        let (throttle, start) = (throttle(1), Instant::now());
        let at = |ms| throttle.admit(tenant(1), Workload::ConditionalAccess, start + Duration::from_millis(ms));
        assert!(at(0).is_ok());
        assert_eq!(at(999), Err(Throttled { retry_after: None }));
        assert!(at(1_000).is_ok());
    }

    #[test]
    fn a_scaled_window_tells_its_wait_in_decimals() {
        let throttle = Throttle::new(Some(ThrottlePlan { requests: 1, ..ThrottlePlan::intune() }.scaled(0.01)));
        let now = Instant::now();
        assert!(throttle.admit(tenant(1), Workload::Intune, now).is_ok());
        assert_eq!(throttle.admit(tenant(1), Workload::Intune, now), Err(Throttled { retry_after: Some("0.201".to_owned()) }));
    }

    #[test]
    fn a_client_whose_clock_is_scaled_is_told_the_wait_by_its_own_clock() {
        let plan = ThrottlePlan { requests: 1, ..ThrottlePlan::intune() }.scaled(0.01).with_the_clients_clock();
        let (throttle, now) = (Throttle::new(Some(plan)), Instant::now());
        assert!(throttle.admit(tenant(1), Workload::Intune, now).is_ok());
        assert_eq!(throttle.admit(tenant(1), Workload::Intune, now), Err(Throttled { retry_after: Some("20".to_owned()) }));
    }
}
