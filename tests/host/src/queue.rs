//! A queue, and what hands its messages to the function that works on them, as Lambda's event source does.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use crate::event;
use crate::function::{Answer, Function};
use crate::template::Source;

/// The terms of a queue.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Time for which a received message is hidden.
    pub visibility: Duration,
    /// Number of receptions after which it is a dead letter.
    pub receives: u32,
}

/// A standard queue with a dead-letter queue.
#[derive(Clone)]
pub struct Queue(Arc<Held>);

struct Held {
    terms: Terms,
    messages: Mutex<Messages>,
    changed: Notify,
}

#[derive(Default)]
struct Messages {
    waiting: Vec<Message>,
    dead: Vec<String>,
    received: usize,
}

#[derive(Clone, Debug)]
struct Message {
    id: String,
    body: String,
    visible: Instant,
    received: u32,
}

/// Hands messages to a function as long as it is kept.
#[derive(Debug)]
pub struct Feed(AbortHandle);

impl Drop for Feed {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Queue {
    /// An empty queue.
    pub(crate) fn new(terms: Terms) -> Self {
        Self(Arc::new(Held { terms, messages: Mutex::default(), changed: Notify::new() }))
    }

    /// Puts a message in, to be shown after that long.
    pub fn send(&self, body: impl Into<String>, delay: Duration) {
        self.0.put(body.into(), delay);
    }

    /// Number of messages, including those in work and those that wait for their time.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.messages().waiting.len()
    }

    /// Takes every message out, for a test that handles them itself.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        self.0.messages().waiting.drain(..).map(|message| message.body).collect()
    }

    /// Number of receptions so far; a message that was received twice counts twice.
    #[must_use]
    pub fn received(&self) -> usize {
        self.0.messages().received
    }

    /// The dead letters.
    #[must_use]
    pub fn dead(&self) -> Vec<String> {
        self.0.messages().dead.clone()
    }

    /// Lets the time pass in which messages that were received are not shown again, and every delay.
    pub fn show_all(&self) {
        let now = Instant::now();
        self.0.messages().waiting.iter_mut().for_each(|message| message.visible = now);
        self.0.changed.notify_one();
    }

    /// Begins to hand messages to a function.
    #[must_use]
    pub fn feed(&self, function: &Function, source: &Source) -> Feed {
        let (held, function) = (Arc::clone(&self.0), function.clone());
        Feed(tokio::spawn(feed(held, function, source.batch, source.at_once)).abort_handle())
    }
}

impl Held {
    fn messages(&self) -> MutexGuard<'_, Messages> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, body: String, delay: Duration) {
        let message = Message { id: event::request_id(), body, visible: Instant::now() + delay, received: 0 };
        self.messages().waiting.push(message);
        self.changed.notify_one();
    }

    /// A batch of what is visible; when to look again where nothing is.
    fn receive(&self, batch: usize) -> Result<Vec<Message>, Option<Instant>> {
        let (now, Terms { visibility, receives }) = (Instant::now(), self.terms);
        let mut messages = self.messages();
        let worn_out = |message: &mut Message| message.visible <= now && message.received >= receives;
        let dead: Vec<Message> = messages.waiting.extract_if(.., worn_out).collect();
        messages.dead.extend(dead.into_iter().map(|message| message.body));
        let mut received = Vec::new();
        for message in messages.waiting.iter_mut().filter(|message| message.visible <= now).take(batch) {
            message.visible = now + visibility;
            message.received += 1;
            received.push(message.clone());
        }
        messages.received += received.len();
        if received.is_empty() {
            return Err(messages.waiting.iter().map(|message| message.visible).min());
        }
        Ok(received)
    }

    /// Forgets the messages that were worked on; the others are shown again in their time.
    fn settle(&self, batch: &[Message], failed: &BTreeSet<String>) {
        let done = |message: &Message| batch.iter().any(|one| one.id == message.id) && !failed.contains(&message.id);
        self.messages().waiting.retain(|message| !done(message));
    }
}

async fn feed(held: Arc<Held>, function: Function, size: usize, at_once: usize) {
    let places = Arc::new(Semaphore::new(at_once));
    let mut batches = JoinSet::new();
    loop {
        while batches.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let batch = loop {
            match held.receive(size) {
                Ok(batch) => break batch,
                Err(None) => held.changed.notified().await,
                Err(Some(visible)) => {
                    // The next reception shows which of the two happened.
                    let _ = tokio::time::timeout_at(visible, held.changed.notified()).await;
                }
            }
        };
        let (held, function) = (Arc::clone(&held), function.clone());
        batches.spawn(async move {
            let record = |one: &Message| event::message(&one.id, &one.id, &one.body, one.received);
            let event = json!({"Records": batch.iter().map(record).collect::<Vec<_>>()});
            // A failure of the function leaves all of the batch for another time.
            if let Some(failed) = function.invoke(event.to_string()).await.ok().and_then(|answer| failures(&answer)) {
                held.settle(&batch, &failed);
            }
            drop(place);
        });
    }
}

/// The messages that a function reports as failed; nothing where its answer cannot be read, which Lambda takes for a
/// failure of all.
fn failures(answer: &Answer) -> Option<BTreeSet<String>> {
    let answer: Value = serde_json::from_slice(&answer.body).ok()?;
    match answer.get("batchItemFailures") {
        None | Some(Value::Null) => Some(BTreeSet::new()),
        Some(failures) => {
            let ids = failures.as_array()?.iter().map(|failure| failure["itemIdentifier"].as_str().map(str::to_owned));
            ids.collect()
        }
    }
}
