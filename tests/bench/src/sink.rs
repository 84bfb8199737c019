//! The ERP, and a partner that is called: takes everything, counts what it had not had before and times how long that was
//! on its way. As little as it can be, so that what is measured is not it.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};

use crate::http::{self, Message, Wire};
use crate::latency::{Latencies, Percentiles, now};
use crate::load::stamped;

/// Receives deliveries or calls; prints its address first.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Sink {
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// The body of every answer.
    #[arg(long, default_value = "")]
    pub answer: String,
    /// Refuses each of so many deliveries; none where it is left out.
    #[arg(long)]
    pub fails: Option<u64>,
}

/// Deliveries to the ERP since it was last reset.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sunk {
    /// Deliveries with an id of their own.
    pub distinct: u64,
    /// Deliveries whose id had come before.
    pub repeats: u64,
    /// Arrival of the last distinct one, in microseconds since 1970.
    pub last: i64,
    /// From the load's sending a push to its arrival here.
    pub on_the_way: Percentiles,
}

#[derive(Default)]
struct State {
    answer: String,
    fails: Option<u64>,
    ids: HashSet<u64>,
    latencies: Latencies,
    sunk: Sunk,
}

/// Path of the number of distinct deliveries.
pub(crate) const COUNT: &str = "/count";
/// Path of the [`Sunk`]. It sorts all latencies, so it is for afterwards.
pub(crate) const STATS: &str = "/stats";
/// Path that resets everything.
pub(crate) const RESET: &str = "/reset";

pub(crate) async fn run(sink: Sink) -> anyhow::Result<()> {
    let listener = TcpListener::bind(sink.listen).await?;
    println!("{}", listener.local_addr()?);
    let state = Arc::new(Mutex::new(State { answer: sink.answer, fails: sink.fails, ..State::default() }));
    loop {
        let (stream, _) = listener.accept().await?;
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            if let Err(error) = serve(stream, &state).await {
                eprintln!("sink: {error:#}");
            }
        });
    }
}

async fn serve(stream: TcpStream, state: &Mutex<State>) -> anyhow::Result<()> {
    let mut wire = Wire::over(stream)?;
    while let Some(message) = wire.read().await? {
        let answer = state.lock().unwrap_or_else(PoisonError::into_inner).answer(&message)?;
        let answer = answer.map_or_else(http::refused, |answer| http::ok(&answer));
        wire.write(&answer).await?;
    }
    Ok(())
}

impl State {
    /// The body of the positive answer; none for a delivery that is refused.
    fn answer(&mut self, message: &Message<'_>) -> anyhow::Result<Option<String>> {
        let answer = match message.second() {
            COUNT => self.sunk.distinct.to_string(),
            STATS => {
                self.sunk.on_the_way = self.latencies.percentiles();
                serde_json::to_string(&self.sunk)?
            }
            RESET => {
                *self = Self { answer: std::mem::take(&mut self.answer), fails: self.fails, ..Self::default() };
                String::new()
            }
            _ => {
                self.take(message);
                if self.fails.is_some_and(|each| self.sunk.distinct.is_multiple_of(each)) {
                    return Ok(None);
                }
                self.answer.clone()
            }
        };
        Ok(Some(answer))
    }

    fn take(&mut self, message: &Message<'_>) {
        let mut hasher = DefaultHasher::new();
        message.header("webhook-id").map_or(message.body, str::as_bytes).hash(&mut hasher);
        if !self.ids.insert(hasher.finish()) {
            self.sunk.repeats += 1;
            return;
        }
        self.sunk.distinct += 1;
        self.sunk.last = now();
        if let Some(sent) = stamped(message.body) {
            self.latencies.add(self.sunk.last - sent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_id_is_not_counted_twice() {
        let mut state = State::default();
        for (id, body) in [("a", "1"), ("b", "2"), ("a", "3")] {
            let head = format!("POST / HTTP/1.1\r\nwebhook-id: {id}\r\n\r\n");
            state.answer(&Message { head: &head, body: body.as_bytes() }).unwrap();
        }
        assert_eq!((state.sunk.distinct, state.sunk.repeats), (2, 1));
        state.fails = Some(2);
        let next = |id: &str| format!("POST / HTTP/1.1\r\nwebhook-id: {id}\r\n\r\n");
        let taken = ["c", "d"].map(|id| state.answer(&Message { head: &next(id), body: b"" }).unwrap().is_some());
        assert_eq!(taken, [true, false]);
        let reset = Message { head: "POST /reset HTTP/1.1\r\n\r\n", body: b"" };
        state.answer(&reset).unwrap();
        assert_eq!(state.sunk.distinct, 0);
    }
}
