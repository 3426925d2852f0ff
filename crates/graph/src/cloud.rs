//! Where each of Microsoft's clouds is.

use lastseen_model::Cloud;

use crate::origin::{Endpoints, Origin};

impl Endpoints {
    /// The endpoints of a cloud. China's login is the one that Entra's page on national clouds has had since 2025; the older
    /// `login.chinacloudapi.cn` of Graph's page still answers, and can be set as an origin.
    pub fn of(cloud: Cloud) -> Self {
        let (authority, graph) = match cloud {
            Cloud::Global => ("https://login.microsoftonline.com", "https://graph.microsoft.com"),
            Cloud::UsGovernment => ("https://login.microsoftonline.us", "https://graph.microsoft.us"),
            Cloud::UsGovernmentDod => ("https://login.microsoftonline.us", "https://dod-graph.microsoft.us"),
            Cloud::China => ("https://login.partner.microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn"),
        };
        Self { authority: origin(authority), graph: origin(graph) }
    }
}

fn origin(text: &'static str) -> Origin {
    Origin::parse(text).expect("a constant that a test reads")
}

/// The audience that the assertion of a workload identity must be for in a cloud. It is set where the assertion is issued.
pub fn federated_audience(cloud: Cloud) -> &'static str {
    match cloud {
        Cloud::Global => "api://AzureADTokenExchange",
        Cloud::UsGovernment | Cloud::UsGovernmentDod => "api://AzureADTokenExchangeUSGov",
        Cloud::China => "api://AzureADTokenExchangeChina",
    }
}

impl Default for Endpoints {
    /// The global cloud, GCC included.
    fn default() -> Self {
        Self::of(Cloud::Global)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i21_no_two_clouds_have_the_same_graph_and_all_are_reached_over_tls() {
        for cloud in Cloud::ALL {
            let endpoints = Endpoints::of(*cloud);
            assert!(endpoints.authority.is_https() && endpoints.graph.is_https(), "{cloud}");
            assert!(Cloud::ALL.iter().filter(|other| Endpoints::of(**other).graph == endpoints.graph).count() == 1, "{cloud}");
            assert!(federated_audience(*cloud).starts_with("api://AzureADTokenExchange"));
        }
    }

    #[test]
    fn the_default_is_the_global_cloud() {
        let endpoints = Endpoints::default();
        assert_eq!(endpoints.authority.to_string(), "https://login.microsoftonline.com");
        assert_eq!(endpoints.graph.to_string(), "https://graph.microsoft.com");
    }
}
