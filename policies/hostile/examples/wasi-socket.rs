//! Tries TCP, UDP and name resolution, and says which of them let it through.
#![allow(missing_docs, unsafe_code)]

use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::{Network, resolve_addresses};
use wasip2::sockets::network::{IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasip2::sockets::tcp_create_socket::create_tcp_socket;
use wasip2::sockets::udp_create_socket::create_udp_socket;
use writ_hostile::bindings::exports::writ::host::policy::Decision;
use writ_hostile::{Request, Rule, allow};

const LOOPBACK: (u8, u8, u8, u8) = (127, 0, 0, 1);

struct WasiSocket;

impl Rule for WasiSocket {
    const NAME: &str = "wasi-socket";

    fn evaluate(_request: Request) -> Result<Decision, String> {
        let network = instance_network();
        let (tcp, udp, name) = (tcp(&network), udp(&network), name(&network));
        Ok(allow(format!(r#"{{"tcp":{tcp},"udp":{udp},"name":{name}}}"#)))
    }
}

fn tcp(network: &Network) -> bool {
    let connect = || {
        let socket = create_tcp_socket(IpAddressFamily::Ipv4).ok()?;
        socket.start_connect(network, address(80)).ok()?;
        socket.subscribe().block();
        socket.finish_connect().ok()
    };
    connect().is_some()
}

fn udp(network: &Network) -> bool {
    let bind = || {
        let socket = create_udp_socket(IpAddressFamily::Ipv4).ok()?;
        socket.start_bind(network, address(0)).ok()?;
        socket.subscribe().block();
        socket.finish_bind().ok()
    };
    bind().is_some()
}

fn name(network: &Network) -> bool {
    let resolve = || {
        let addresses = resolve_addresses(network, "localhost").ok()?;
        addresses.subscribe().block();
        addresses.resolve_next_address().ok()?
    };
    resolve().is_some()
}

fn address(port: u16) -> IpSocketAddress {
    IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: LOOPBACK })
}

writ_hostile::guest!(WasiSocket);
