//! Pull endpoints: consumers of an ERP that no one can call lease its events.

mod client;
mod engines;
mod flows;
mod kills;

use serde_json::{Value, json};
use std::net::SocketAddr;

use crate::support::API_KEY;
use crate::support::http::{Reply, api};

/// An endpoint that consumers read, with that and a lease of a minute.
fn endpoint(id: &str, more: &str) -> String {
    format!("[[endpoints]]\nid = \"{id}\"\npull = true\n{more}")
}

/// Leases events at the endpoint `erp`.
async fn pull(hub: SocketAddr, query: &str) -> Vec<Value> {
    let answer = asked(hub, query).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    assert!(answer.head.contains("content-type: application/cloudevents-batch+json"), "{}", answer.head);
    answer.json().as_array().unwrap().clone()
}

async fn asked(hub: SocketAddr, query: &str) -> Reply {
    api(hub, "GET", &format!("/endpoints/erp/events{query}"), API_KEY, "").await
}

/// Acknowledges or releases these events; the state of each.
async fn redeem(hub: SocketAddr, how: &str, events: &[Value]) -> Vec<String> {
    let receipts: Vec<_> = events.iter().map(|event| event["receipt"].clone()).collect();
    let body = json!({"receipts": receipts}).to_string();
    let answer = api(hub, "POST", &format!("/endpoints/erp/{how}"), API_KEY, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    let answer = answer.json();
    let told = answer["receipts"].as_array().unwrap();
    assert!(told.iter().map(|one| &one["receipt"]).eq(&receipts), "in the order of the request");
    told.iter().map(|one| one["state"].as_str().unwrap().to_owned()).collect()
}

/// The member of each event.
fn all(events: &[Value], member: &str) -> Vec<String> {
    events.iter().map(|event| event[member].as_str().unwrap().to_owned()).collect()
}
