//! Which addresses a URL that an operator wrote may lead to: those of the internet, and others only
//! where they are listed. A name that somebody else may point to where they like must not lead to
//! what only this host can reach.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Networks that are not the internet (IANA's special-purpose registries, and multicast).
const SPECIAL: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
    // Within 2000::/3, beyond which nothing is the internet.
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
];

/// Which addresses one URL may lead to.
#[derive(Clone, Debug)]
pub struct Reachable {
    loopback: bool,
    listed: Arc<[IpNet]>,
    special: Arc<[IpNet]>,
}

impl Reachable {
    /// The internet and some networks. Loopback too where the URL itself says so.
    pub fn new(url: &Url, listed: Vec<IpNet>) -> Self {
        let network = |text: &&str| text.parse().expect("the list above has networks");
        let special = SPECIAL.iter().map(network).collect();
        Self { loopback: super::is_local(url), listed: listed.into(), special }
    }

    /// Whether an address may be connected to.
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if address.is_loopback() && self.loopback {
            return true;
        }
        let is_in = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&address));
        let is_global = match address {
            IpAddr::V4(_) => true,
            IpAddr::V6(address) => address.segments()[0] & 0xe000 == 0x2000,
        };
        is_in(&self.listed) || (!self.loopback && is_global && !is_in(&self.special))
    }

    /// The address that a URL names by itself, where that may not be connected to.
    pub fn refused(&self, url: &Url) -> Option<IpAddr> {
        let host = url.host_str()?.trim_matches(['[', ']']);
        host.parse().ok().filter(|address| !self.permits(*address))
    }
}

impl Resolve for Reachable {
    fn resolve(&self, name: Name) -> Resolving {
        let this = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found.filter(|found| this.permits(found.ip())).collect();
            if found.is_empty() {
                return Err(
                    io::Error::other("its name leads to no address that may be called").into()
                );
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, listed: &[&str], addresses: &[&str], permitted: bool) {
        let listed = listed.iter().map(|text| text.parse().unwrap()).collect();
        let reachable = Reachable::new(&url.parse().unwrap(), listed);
        for address in addresses {
            assert_eq!(reachable.permits(address.parse().unwrap()), permitted, "{address}");
        }
    }

    #[test]
    fn the_internet_is_reachable_and_what_is_near_is_not() {
        let url = "https://hooks.example/";
        check(url, &[], &["93.184.216.34", "2606:4700::1", "::ffff:93.184.216.34"], true);
        let near = [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001:db8::1",
        ];
        check(url, &[], &near, false);
    }

    #[test]
    fn what_is_listed_is_reachable() {
        check(
            "https://hooks.example/",
            &["10.1.0.0/16", "fd00::/8"],
            &["10.1.9.9", "fd00::1"],
            true,
        );
        check("https://hooks.example/", &["10.1.0.0/16"], &["10.2.0.1", "127.0.0.1"], false);
    }

    #[test]
    fn loopback_is_reachable_where_the_url_says_so_and_then_nothing_else_is() {
        check("http://localhost:1/", &[], &["127.0.0.1", "::1"], true);
        check("http://127.0.0.1:1/", &[], &["93.184.216.34", "10.0.0.1"], false);
    }

    #[test]
    fn an_address_in_the_url_is_checked_before_anything_is_sent() {
        let check = |text: &str, expected: bool| {
            let url: Url = text.parse().unwrap();
            assert_eq!(
                Reachable::new(&url, Vec::new()).refused(&url).is_some(),
                expected,
                "{text}"
            );
        };
        check("https://10.0.0.1/", true);
        check("https://[fd00::1]/", true);
        check("https://0x7f000001/", false);
        check("https://169.254.169.254/", true);
        check("https://93.184.216.34/", false);
        check("https://hooks.example/", false);
    }

    #[tokio::test]
    async fn a_name_that_leads_home_is_not_resolved() {
        let url = "https://hooks.example/".parse().unwrap();
        let found = Reachable::new(&url, Vec::new()).resolve("localhost".parse().unwrap()).await;
        assert!(found.is_err_and(|error| error.to_string().contains("no address")));
    }
}
