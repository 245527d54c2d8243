//! Where a transport may connect to.
//!
//! Pure: it judges addresses and names. Whoever connects asks it about the address that is really used, after the name
//! was resolved, and about the name where a proxy does the resolving.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Refuses cloud metadata services always, and private networks when told to.
///
/// ```
/// use amp_pool_core::transport::guard::{Guard, Refused};
///
/// let guard = Guard { block_private: false };
/// assert_eq!(guard.host("127.0.0.1"), Ok(()));
/// assert_eq!(guard.host("[::ffff:169.254.169.254]"), Err(Refused::Metadata));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Guard {
    /// Refuse loopback, private, reserved and multicast addresses too.
    pub block_private: bool,
}

/// Why an address may not be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// A cloud's metadata service or another link-local address: it hands credentials to whoever asks.
    Metadata,
    /// An address of this machine or its networks, while these are blocked.
    Private,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Metadata => "metadata and link-local addresses are never reached",
            Self::Private => "private addresses are blocked by the settings",
        })
    }
}

impl std::error::Error for Refused {}

impl Guard {
    /// Judges the host of a URL: a name, or an address with or without brackets.
    ///
    /// # Errors
    /// [`Refused`], with the reason.
    pub fn host(self, host: &str) -> Result<(), Refused> {
        match host.trim_start_matches('[').trim_end_matches(']').parse() {
            Ok(address) => self.address(address),
            Err(_) => self.name(host),
        }
    }

    /// Judges an address. IPv4 inside IPv6 is judged as the IPv4 address it leads to.
    ///
    /// # Errors
    /// [`Refused`], with the reason.
    pub fn address(self, address: IpAddr) -> Result<(), Refused> {
        let (metadata, private) = match innermost(address) {
            IpAddr::V4(v4) => (is_metadata_v4(v4), is_private_v4(v4)),
            IpAddr::V6(v6) => (is_metadata_v6(v6), is_private_v6(v6)),
        };
        self.judge(metadata, private)
    }

    /// Judges a name by itself. Its addresses have to be judged as well by whoever resolves it.
    ///
    /// # Errors
    /// [`Refused`], with the reason.
    pub fn name(self, name: &str) -> Result<(), Refused> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let under = |zone: &str| name.strip_suffix(zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        self.judge(METADATA_NAMES.contains(&name.as_str()), PRIVATE_ZONES.into_iter().any(under))
    }

    fn judge(self, metadata: bool, private: bool) -> Result<(), Refused> {
        match () {
            () if metadata => Err(Refused::Metadata),
            () if private && self.block_private => Err(Refused::Private),
            () => Ok(()),
        }
    }
}

const METADATA_NAMES: [&str; 6] = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
    "metadata.tencentyun.com",
];

const PRIVATE_ZONES: [&str; 4] = ["localhost", "local", "internal", "home.arpa"];

/// The IPv4 address that an IPv6 address stands for, if it stands for one.
fn innermost(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let (high, low) = match v6.segments() {
        // The unspecified address and loopback only look like IPv4.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => return address,
        // Mapped, translated, compatible, behind NAT64.
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0, 0, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => (high, low),
        // 6to4.
        [0x2002, high, low, ..] => (high, low),
        _ => return address,
    };
    IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
}

fn is_metadata_v4(address: Ipv4Addr) -> bool {
    // All clouds share 169.254.169.254; then Alibaba, Oracle and the Azure host.
    address.is_link_local() || matches!(address.octets(), [100, 100, 100, 200] | [192, 0, 0, 192] | [168, 63, 129, 16])
}

fn is_metadata_v6(address: Ipv6Addr) -> bool {
    // Amazon keeps fd00:ec2::/32 for such services, Google one address.
    address.is_unicast_link_local()
        || matches!(address.segments(), [0xfd00, 0xec2, ..] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254])
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_multicast()
        // This host, carrier NAT, protocol assignments, benchmarks, reserved with broadcast.
        || matches!((a, b, c), (0, ..) | (100, 64..=127, _) | (192, 0, 0) | (198, 18 | 19, _) | (240.., ..))
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || address.is_unique_local()
        // The old site-local block, and NAT64 for local use.
        || matches!(address.segments(), [0xfec0..=0xfeff, ..] | [0x64, 0xff9b, 1, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str, expected: Result<(), Refused>) {
        assert_eq!(Guard { block_private: true }.host(host), expected, "{host}, strict");
        let open = if expected == Err(Refused::Private) { Ok(()) } else { expected };
        assert_eq!(Guard { block_private: false }.host(host), open, "{host}, open");
    }

    #[test]
    fn metadata_is_refused_in_every_dress() {
        for host in [
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "[fd00:ec2::254]",
            "fd00:ec2::23",
            "[fd20:ce::254]",
            "[fe80::1]",
            "[::ffff:169.254.169.254]",
            "[::ffff:a9fe:a9fe]",
            "[::ffff:0:169.254.169.254]",
            "[::169.254.169.254]",
            "[64:ff9b::169.254.169.254]",
            "[2002:a9fe:a9fe::1]",
            "metadata.google.internal",
            "Metadata.Google.Internal.",
            "metadata",
            "instance-data.ec2.internal",
        ] {
            check(host, Err(Refused::Metadata));
        }
    }

    #[test]
    fn private_networks_are_refused_only_when_blocked() {
        for host in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.8.8.8",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[fc00::1]",
            "[fd12:3456::1]",
            "[fec0::1]",
            "[ff02::1]",
            "[64:ff9b:1::1]",
            "[64:ff9b::10.0.0.1]",
            "localhost",
            "api.localhost",
            "LOCALHOST.",
            "printer.local",
            "vllm.internal",
        ] {
            check(host, Err(Refused::Private));
        }
    }

    #[test]
    fn the_open_internet_is_reached() {
        for host in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.1.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "[2606:4700::1]",
            "[::ffff:1.1.1.1]",
            "[64:ff9b::1.1.1.1]",
            "api.openai.com",
            "metadata.google.internal.example.com",
            "mylocalhost",
            "thelocal",
            "internal.example.com",
        ] {
            check(host, Ok(()));
        }
    }
}
