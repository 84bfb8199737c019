//! Admission: one conditional write, or one transaction where chains move with it.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use hub::{Event, Utc, Work};
use store::{Admitted, Chain, Link, StoreError};

use crate::call::{Failure, Item, Nonce, Reason, SMALL, call};
use crate::item::{
    blob, event_key, expires, head_key, life, now_seconds, pack_json, placeholders, text, work_attributes,
};
use crate::schema::{BODY, DATA, EXPIRES, HEAD, NONCE, PK};
use crate::{DynamoStore, chunks, recent};

const VERB: &str = "admit";

/// An expired item that TTL has not deleted yet counts as absent.
const ABSENT: &str = "attribute_not_exists(#PK) OR #x <= :now";

pub(crate) async fn admit(
    store: &DynamoStore,
    event: &Event,
    work: &Work,
    link: Option<&Link>,
) -> Result<Admitted, StoreError> {
    let packed = chunks::pack(event).await?;
    if let Some(apart) = &packed.apart {
        chunks::write(store, &event.key, event.meta.expires, apart).await?;
    }
    let nonce = Nonce::new(VERB)?;
    let mut item = event_key(&event.key);
    item.insert(DATA.to_owned(), blob(packed.data));
    item.extend(packed.apart.map(|apart| (BODY.to_owned(), text(apart.place()))));
    item.extend(work_attributes(&event.key.id, work).0);
    if store.lists_recent {
        item.extend(recent::attributes(event));
    }
    item.extend(life(event.meta.expires, work.is_open()));
    item.insert(NONCE.to_owned(), nonce.value());
    // Nothing may change it before its event expires, where no consumer comes.
    let kept = (work.pullable_since().is_some() && item.contains_key(BODY)).then(|| item.clone());
    let admitted = match link {
        None => put(store, item, event.meta.received, &nonce).await,
        Some(link) => put_with_heads(store, item, event, link, &nonce).await,
    }?;
    if let Some(item) = kept.filter(|_| admitted == Admitted::New)
        && let Err(error) = chunks::keep(store, &event.key, &item, work).await
    {
        tracing::error!(event = %event.key.id, %error, "the parts of a body expire with its event, whether or not it is pulled by then");
    }
    Ok(admitted)
}

async fn put(store: &DynamoStore, item: Item, now: Utc, nonce: &Nonce) -> Result<Admitted, StoreError> {
    let put = || {
        store
            .client
            .put_item()
            .table_name(&store.table)
            .set_item(Some(item.clone()))
            .condition_expression(ABSENT)
            .set_expression_attribute_names(Some(placeholders([PK, EXPIRES])))
            .expression_attribute_values(":now", now_seconds(now))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
    };
    match call(store, VERB, SMALL, put).await {
        Ok(_) => Ok(Admitted::New),
        Err(Failure::Condition(old)) => Ok(known(nonce, old.as_ref())),
        Err(failure) => Err(failure.unconditional(VERB)),
    }
}

/// Result of an admission whose item exists: `New` where an earlier attempt of this write stored it and its answer was lost.
fn known(nonce: &Nonce, old: Option<&Item>) -> Admitted {
    if nonce.wrote(old) { Admitted::New } else { Admitted::Duplicate }
}

async fn put_with_heads(
    store: &DynamoStore,
    item: Item,
    event: &Event,
    link: &Link,
    nonce: &Nonce,
) -> Result<Admitted, StoreError> {
    let heads = link.chains.iter().map(|chain| head_write(store, event, chain));
    let writes = std::iter::once(event_write(store, item, event)).chain(heads).collect::<Result<Vec<_>, _>>();
    let writes = writes.map_err(|error| StoreError::Refused { verb: VERB, source: error.into() })?;
    let transact = || {
        store
            .client
            .transact_write_items()
            .set_transact_items(Some(writes.clone()))
            // Makes a repetition of a transaction that was done answer that it was done.
            .client_request_token(nonce.token())
            .send()
    };
    match call(store, VERB, SMALL, transact).await {
        Ok(_) => Ok(Admitted::New),
        Err(Failure::Canceled(reasons)) => match reasons.as_slice() {
            [event, ..] if Reason::of(event) == Reason::Condition => Ok(known(nonce, event.item())),
            // The only other conditions are the heads'.
            [..] => Ok(Admitted::Moved),
        },
        Err(failure) => Err(failure.unconditional(VERB)),
    }
}

fn event_write(store: &DynamoStore, item: Item, event: &Event) -> Result<TransactWriteItem, BuildError> {
    let put = Put::builder()
        .table_name(&store.table)
        .set_item(Some(item))
        .condition_expression(ABSENT)
        .set_expression_attribute_names(Some(placeholders([PK, EXPIRES])))
        .expression_attribute_values(":now", now_seconds(event.meta.received))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()?;
    Ok(TransactWriteItem::builder().put(put).build())
}

fn head_write(store: &DynamoStore, event: &Event, chain: &Chain) -> Result<TransactWriteItem, BuildError> {
    let mut item = head_key(&event.key.connection, &chain.subject, &chain.kind);
    item.insert(DATA.to_owned(), blob(pack_json(&chain.head)));
    item.insert(HEAD.to_owned(), text(chain.head.event.to_string()));
    item.insert(EXPIRES.to_owned(), expires(chain.expires));
    let put = Put::builder()
        .table_name(&store.table)
        .set_item(Some(item))
        .expression_attribute_values(":now", now_seconds(event.meta.received));
    let put = match &chain.expected {
        None => put.condition_expression(ABSENT).set_expression_attribute_names(Some(placeholders([PK, EXPIRES]))),
        Some(expected) => put
            .condition_expression("#e = :expected AND #x > :now")
            .set_expression_attribute_names(Some(placeholders([HEAD, EXPIRES])))
            .expression_attribute_values(":expected", text(expected.to_string())),
    };
    Ok(TransactWriteItem::builder().put(put.build()?).build())
}
