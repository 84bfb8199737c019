//! Names become addresses here and nowhere else: the connection is made to an address that was looked at, so a name that
//! points elsewhere a moment later gains nothing.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::address::is_public;

/// No address of the name may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the address is private or reserved; set allow_private where that is meant")]
pub(crate) struct Forbidden;

/// The system's resolver, with or without the guard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resolver {
    /// Whether private and reserved addresses may be called too.
    pub(crate) allow_private: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            // The port is the connector's to fill in.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed = if allow_private { found } else { public_only(found)? };
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Those of a name's addresses that may be called. A name of which none is left is forbidden rather than unknown.
fn public_only(mut found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Forbidden> {
    let any = !found.is_empty();
    found.retain(|address| is_public(address.ip()));
    if any && found.is_empty() { Err(Forbidden) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_called_at_its_public_addresses_only() {
        let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let mixed = addresses(&["10.0.0.1:0", "8.8.8.8:0", "[::1]:0"]);
        assert_eq!(public_only(mixed), Ok(addresses(&["8.8.8.8:0"])));
        assert_eq!(public_only(addresses(&["127.0.0.1:0", "[fd00::1]:0"])), Err(Forbidden));
        assert_eq!(public_only(vec![]), Ok(vec![]));
    }
}
