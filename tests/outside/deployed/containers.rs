//! The webhooks in Lambda's own containers, over the tables and queues of the deployed stack.

use callback::examples;
use simulators::partner::{Next, after};
use simulators::{Sender, pushes};

use super::{CONTAINERS, stage};
use crate::support::{answered, until};

pub(super) async fn every_webhook_answers_in_its_container_and_what_it_took_arrives() {
    let gateway = CONTAINERS.needed();
    let stage = stage().await;
    for example in examples::all() {
        let connection = stage.connection(example.partner);
        let key = connection.keys[0].expose();
        let path = pushes::path(example.partner, connection.id.as_str(), key, example.suffix);
        let mut sender = Sender::new(example.partner, &gateway).unwrap();
        let body = stage.marked(&example);
        let answer = answered(&mut sender, &path, "application/json", body.as_bytes()).await;
        assert_eq!(after(example.partner, 1, Some(&answer)), Next::Taken, "{}: {answer:?}", example.name);
    }
    let all = examples::all().len();
    until(async || (0..2).all(|erp| stage.got(erp, &stage.mark).len() >= all)).await;
    stage.settled().await;
    assert!((0..2).all(|erp| stage.got(erp, &stage.mark).len() == all));
    assert!((0..2).all(|erp| stage.got(erp, &stage.mark).iter().all(|delivery| delivery.signed)));
}
