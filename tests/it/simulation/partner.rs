//! Partners at work in a history: each pushes by its own rule until it is acknowledged or gives up, and then its
//! operator may push again.

use std::sync::Arc;

use partners::Partner;
use simulators::partner::{Next, after};
use tokio::time::sleep;

use super::hub::{Hub, as_heard};
use super::pushes::Push;

/// Pushes until it is acknowledged or given up; then, where it was given up, maybe again by hand.
pub(super) async fn play(hub: Arc<Hub>, push: Push, by_hand: bool) {
    for _ in 0..4 {
        if by_rule(&hub, &push).await || !by_hand {
            return;
        }
        let pause = hub.world.draw(|random, _| random.ms(5_000..=60_000));
        sleep(pause).await;
    }
}

/// Whether it was acknowledged.
async fn by_rule(hub: &Arc<Hub>, push: &Push) -> bool {
    for tries in 1.. {
        let told = hub.world.tell(&format!("push of {:?}, {tries}", facts(push)));
        let ticket = hub.world.checker().pushed(&push.claims, told, hub.world.now());
        let answer = hub.receive(push).await;
        let next = after(push.partner, tries, answer.as_ref().map(as_heard).as_ref());
        let told = hub.world.tell(&format!("answer to {:?}: {next:?}", facts(push)));
        match next {
            Next::Taken => {
                let promise = hub.world.checker().acknowledged(&ticket, told);
                hub.world.hold(promise);
                return true;
            }
            Next::Again(interval) => sleep(interval).await,
            Next::GivenUp(_) => {
                hub.world.checker().refused();
                if push.partner == Partner::Xhq {
                    let told = hub.world.tell("XHQ lists the push as failed");
                    hub.world.checker().lost.add(&push.body, told);
                }
                return false;
            }
        }
    }
    false
}

fn facts(push: &Push) -> Vec<(&str, &str)> {
    push.claims.iter().map(|claim| (claim.fact.2.as_str(), claim.fact.3.as_str())).collect()
}
