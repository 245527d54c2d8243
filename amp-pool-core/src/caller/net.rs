//! Networks of addresses, as operators write them.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// All addresses that begin alike: `10.0.0.0/8`, `2001:db8::/32`, or a single one.
///
/// ```
/// use amp_pool_core::caller::IpNet;
///
/// let net: IpNet = "10.1.0.0/16".parse()?;
/// assert!(net.contains("10.1.200.3".parse()?) && !net.contains("10.2.0.1".parse()?));
/// assert!(net.contains("::ffff:10.1.0.1".parse()?), "the same address, as a listener on both families sees it");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IpNet {
    first: IpAddr,
    bits: u8,
}

impl IpNet {
    /// Whether `address` is one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let (net, len) = number(self.first);
        let (address, of_address) = number(address.to_canonical());
        // A shift by the whole length is no shift at all.
        len == of_address && (net ^ address).checked_shr(u32::from(len - self.bits)).unwrap_or(0) == 0
    }
}

/// An address as a number, and how many bits it has.
fn number(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(v4) => (v4.to_bits().into(), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

impl fmt::Display for IpNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bits == number(self.first).1 { self.first.fmt(f) } else { write!(f, "{}/{}", self.first, self.bits) }
    }
}

/// A text that is no network.
///
/// ```
/// use amp_pool_core::caller::{IpNet, IpNetError};
///
/// let error: IpNetError = "10.0.0.0/99".parse::<IpNet>().err().ok_or("it is none")?;
/// assert!(error.to_string().contains("`10.0.0.0/99`"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpNetError(Box<str>);

impl fmt::Display for IpNetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no address such as `10.0.0.1` and no network such as `10.0.0.0/8`", self.0)
    }
}

impl std::error::Error for IpNetError {}

impl FromStr for IpNet {
    type Err = IpNetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read(text).ok_or_else(|| IpNetError(text.chars().take(60).collect()))
    }
}

fn read(text: &str) -> Option<IpNet> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let first = address.parse::<IpAddr>().ok()?.to_canonical();
    let (_, len) = number(first);
    let bits = bits.map_or(Some(len), |bits| bits.parse().ok().filter(|bits| *bits <= len))?;
    Some(IpNet { first, bits })
}

impl Serialize for IpNet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for IpNet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(net: &str, address: &str, expected: bool) {
        let net: IpNet = net.parse().unwrap();
        assert_eq!(net.contains(address.parse().unwrap()), expected, "{net} {address}");
    }

    #[test]
    fn an_address_lies_in_its_networks() {
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("10.0.0.1", "10.0.0.1", true);
        check("10.0.0.1", "10.0.0.2", false);
        check("0.0.0.0/0", "203.0.113.9", true);
        check("0.0.0.0/0", "2001:db8::1", false);
        check("::/0", "2001:db8::1", true);
        check("2001:db8::/32", "2001:db8:ffff::1", true);
        check("2001:db8::/32", "2001:db9::1", false);
        check("10.0.0.0/8", "::ffff:10.0.0.1", true);
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "host", "10.0.0.0/", "::/129"] {
            assert!(text.parse::<IpNet>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_network_keeps_its_writing() {
        for text in ["10.0.0.1", "10.0.0.0/8", "2001:db8::/32", "::1"] {
            assert_eq!(text.parse::<IpNet>().unwrap().to_string(), text);
        }
    }
}
