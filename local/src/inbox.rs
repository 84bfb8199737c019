//! The hub's own ERP inbox: it checks the signature of each delivery and prints it. For trying the hub out.

use std::net::SocketAddr;

use config::Config;
use hub::printable::Word;
use simulators::Erp;
use simulators::erp::Delivery;

use crate::out;

/// Starts the inbox with the keys of every endpoint that posts to it.
pub(crate) async fn start(address: SocketAddr, config: &Config) -> anyhow::Result<Erp> {
    let endpoints = config.endpoints.values();
    let keys = endpoints.filter(|endpoint| posts_to(endpoint.url.as_str(), address));
    let keys = keys.flat_map(|endpoint| endpoint.keys.iter().flatten().cloned()).collect();
    let inbox = Erp::watched(address, keys, print).await;
    inbox.map_err(|error| anyhow::anyhow!("inbox: cannot listen on {address}: {error}"))
}

fn posts_to(url: &str, address: SocketAddr) -> bool {
    url.strip_prefix("http://").is_some_and(|rest| rest.starts_with(&format!("{address}/")))
}

fn print(delivery: &Delivery) {
    let signature = if delivery.signed { "signature ok" } else { "SIGNATURE WRONG" };
    // The hub goes on when the reader of its output has gone.
    let _ = say!(
        "ERP inbox: {} {} ({} bytes, {signature}) {}",
        Word(delivery.kind.as_deref().unwrap_or("raw")),
        Word(delivery.subject.as_deref().unwrap_or("-")),
        delivery.body.len(),
        Word(&delivery.id),
    );
}

/// Prints what to try.
pub(crate) fn tell(address: SocketAddr, config: &Config) {
    let inbox =
        config.inbox.map_or_else(String::new, |inbox| format!("; its ERP inbox on {inbox} prints each delivery"));
    let _ = out::block(format_args!(
        "\nTongguan 通关 is listening on {address}{inbox}.\nTry, from another terminal in this folder:\n\
         \x20 cargo run -- push single_receipt     # play 信号旗: a customs receipt\n\
         \x20 cargo run -- push all                # every example of every partner\n\
         \x20 cargo run -- events list             # what was received, and where it went\n\
         \x20 cargo run -- partner                 # play the partners' APIs; leave it running, and then\n\
         \x20 cargo run -- call xhq-demo bghList   # ask one of them; `call` alone lists what can be asked\n\
         The console is at http://{address}/console: sign in with the key of [[api_keys]] in the configuration.\n"
    ));
}
