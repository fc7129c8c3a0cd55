//! The matcher of `http` grants.

use super::{Capability, Denial, Effect, Grant, Policy, Scope};
use crate::{
    http::{Method, Network, Origin, PathPrefix, Special, Target, may_reach},
    time::Timestamp,
};
use std::net::IpAddr;

/// What of `http` a grant means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requests {
    /// Which servers. Never empty.
    pub origins: Vec<Origin>,
    /// What may be asked. Of a denial, none named is every one.
    pub methods: Vec<Method>,
    /// Which paths. Of a denial, none named is every one.
    pub paths: Vec<PathPrefix>,
    /// Where the servers may be besides on the internet. A denial has none.
    pub networks: Vec<Network>,
    /// Most requests in a minute.
    pub per_minute: u16,
}

/// The http grants of a policy.
#[derive(Clone, Debug, Default)]
pub struct Http(Vec<Grant>);

/// What a request is sent under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAllowed {
    /// Where the server may be besides on the internet.
    pub networks: Vec<Network>,
    /// Most requests of the plugin in a minute.
    pub per_minute: u16,
}

impl Policy {
    /// The matcher of its http grants.
    pub fn http(&self) -> Http {
        Http(self.grants_of(Capability::Http).cloned().collect())
    }
}

impl Requests {
    fn allows(&self, method: Method, target: &Target) -> bool {
        self.origins.contains(target.origin())
            && self.methods.contains(&method)
            && self.paths.iter().any(|path| path.covers(target.path()))
    }

    /// A server may take capital letters of a path for small ones, so a denial does.
    fn denies(&self, method: Method, target: &Target) -> bool {
        let path = |path: &PathPrefix| path.covers_in_any_case(target.path());
        self.origins.contains(target.origin())
            && (self.methods.is_empty() || self.methods.contains(&method))
            && (self.paths.is_empty() || self.paths.iter().any(path))
    }
}

impl Http {
    /// Under what `target` may be asked with `method` at `now`. Deny beats allow.
    ///
    /// # Errors
    /// No grant covers it.
    pub fn allows(
        &self,
        method: Method,
        target: &Target,
        now: Timestamp,
    ) -> Result<HttpAllowed, Denial> {
        let mut allowed: Option<HttpAllowed> = None;
        let mut denial = Denial::NotGranted;
        for grant in &self.0 {
            let Scope::Requests(requests) = &grant.scope else {
                continue;
            };
            match (grant.effect, grant.expires) {
                (Effect::Deny, _) if requests.denies(method, target) => {
                    let by = grant.source;
                    return Err(Denial::Denied { by });
                }
                (Effect::Allow, Some(at)) if at <= now => {
                    if requests.allows(method, target) {
                        let grant = grant.source;
                        denial = Denial::Expired { grant, at };
                    }
                }
                (Effect::Allow, _) if requests.allows(method, target) => {
                    let so_far = allowed.get_or_insert_with(|| HttpAllowed {
                        networks: Vec::new(),
                        per_minute: 0,
                    });
                    so_far.networks.extend(&requests.networks);
                    so_far.per_minute = so_far.per_minute.max(requests.per_minute);
                }
                (Effect::Deny | Effect::Allow, _) => {}
            }
        }
        allowed.ok_or(denial)
    }
}

impl HttpAllowed {
    /// Whether the server may be at `ip`.
    ///
    /// # Errors
    /// What that address is.
    pub fn reaches(&self, ip: IpAddr) -> Result<(), Special> {
        may_reach(ip, &self.networks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(grants: &[&str]) -> Http {
        let grants: String = grants
            .iter()
            .map(|scope| {
                format!(
                    "[[grant]]\ncapability = \"http\"\n{scope}\nreason = \"A test.\"\n\
                     approved-by = \"tests\"\nrisk = \"low\"\n"
                )
            })
            .collect();
        let text = format!("{}{grants}", include_str!("../../fixtures/policy.toml"));
        Policy::parse("p.toml", &text).unwrap().http()
    }

    const API: &str = "effect = \"allow\"\norigins = [\"https://api.example\"]\n\
                       methods = [\"GET\", \"POST\"]\nprefixes = [\"/v1\"]\nper-minute = 6";

    fn ask(http: &Http, method: Method, url: &str) -> Result<HttpAllowed, Denial> {
        http.allows(method, &url.parse().unwrap(), Timestamp::EPOCH)
    }

    #[test]
    fn origin_method_and_path_must_all_be_granted() {
        let http = http(&[API]);
        let get = |url| ask(&http, Method::Get, url);
        assert_eq!(get("https://api.example/v1/x?y").unwrap().per_minute, 6);
        assert!(ask(&http, Method::Post, "https://API.example:443/v1").is_ok());
        for url in [
            "http://api.example/v1",
            "https://api.example:8443/v1",
            "https://api.example.evil/v1",
            "https://x.api.example/v1",
            "https://api.example/v10",
            "https://api.example/",
            "https://api.example/?/v1",
            "https://127.0.0.1/v1",
        ] {
            assert_eq!(get(url), Err(Denial::NotGranted), "{url}");
        }
        for method in [Method::Head, Method::Put, Method::Patch, Method::Delete] {
            assert!(ask(&http, method, "https://api.example/v1").is_err());
        }
    }

    #[test]
    fn deny_beats_allow_in_every_spelling_of_a_path() {
        let denial = "effect = \"deny\"\norigins = [\"https://api.example\"]\n\
                      prefixes = [\"/v1/admin\"]";
        for order in [[API, denial], [denial, API]] {
            let http = http(&order);
            for url in [
                "https://api.example/v1/admin",
                "https://api.example/v1/admin/x",
                "https://api.example/v1/ADMIN",
                "https://api.example/v1/%61dmin",
                "https://api.example/v1/admin;a=b/x",
                "https://api.example/v1/admin?x",
            ] {
                let refused = ask(&http, Method::Get, url);
                assert!(matches!(refused, Err(Denial::Denied { .. })), "{url}");
            }
            assert!(ask(&http, Method::Get, "https://api.example/v1/administer").is_ok());
        }
        let method = "effect = \"deny\"\norigins = [\"https://api.example\"]\nmethods = [\"POST\"]";
        let http = http(&[API, method]);
        assert!(ask(&http, Method::Get, "https://api.example/v1").is_ok());
        assert!(ask(&http, Method::Post, "https://api.example/v1").is_err());
    }

    #[test]
    fn networks_are_those_of_the_grants_that_cover_the_request() {
        let inside = "effect = \"allow\"\norigins = [\"https://api.example\"]\n\
                      methods = [\"GET\"]\nprefixes = [\"/v1/near\"]\n\
                      networks = [\"10.0.0.0/8\"]\nper-minute = 9";
        let http = http(&[API, inside]);
        let near = ask(&http, Method::Get, "https://api.example/v1/near").unwrap();
        assert_eq!(near.per_minute, 9);
        assert_eq!(near.reaches("10.0.0.1".parse().unwrap()), Ok(()));
        let far = ask(&http, Method::Get, "https://api.example/v1/far").unwrap();
        assert_eq!(
            far.reaches("10.0.0.1".parse().unwrap()),
            Err(Special::Private)
        );
        assert_eq!(far.reaches("1.1.1.1".parse().unwrap()), Ok(()));
    }
}
