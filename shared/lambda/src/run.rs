//! One event after the other, and the work between an answer and the next event.

use std::error::Error;
use std::fmt::Debug;

use bytes::Bytes;
use futures::Stream;
use lambda_runtime::layers::TracingLayer;
use lambda_runtime::tower::util::ThenLayer;
use lambda_runtime::{Diagnostic, IntoFunctionResponse, LambdaEvent, Runtime, Service};
use serde::{Deserialize, Serialize};

use crate::Function;

/// Answers events until the process ends. Between an answer and the next event the configuration of a function that has one
/// is seen to, and its statistics: the answer is out, and Lambda freezes the process only when it asks for the next event. What is begun and
/// not waited for would be frozen in the middle, for longer than any connection lasts.
pub(crate) async fn run<A, H, R, B, S, D, E>(
    function: Option<&Function>,
    handler: H,
) -> Result<(), lambda_runtime::Error>
where
    H: Service<LambdaEvent<A>, Response = R>,
    H::Future: Future<Output = Result<R, H::Error>>,
    H::Error: Into<Diagnostic> + Debug,
    A: for<'de> Deserialize<'de>,
    R: IntoFunctionResponse<B, S>,
    B: Serialize,
    S: Stream<Item = Result<D, E>> + Unpin + Send + 'static,
    D: Into<Bytes> + Send,
    E: Into<Box<dyn Error + Send + Sync>> + Send + Debug,
{
    let between = ThenLayer::new(|answered| async move {
        if let Some(function) = function {
            function.refresh().await;
            function.flush().await;
        }
        answered
    });
    Runtime::new(handler).layer(TracingLayer::new()).layer(between).run().await
}
