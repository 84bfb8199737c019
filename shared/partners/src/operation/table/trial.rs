//! A trial of a row that came from a file: its example goes through the steps of a call, and its answer through their reading.

use super::super::{Attempt, Fault, File, Judgement, Operation, Settings, check, prepare, read};
use crate::Json;

/// Boundary, nonce and stand-in for each credential and token of the trial.
const SOMETHING: &str = "something";

impl Operation<'static> {
    /// Whatever the steps hold against the example and the answer of a row; nothing where it came from no file.
    #[must_use]
    pub fn trial(&self) -> Vec<Fault> {
        let Some(told) = self.told else { return Vec::new() };
        let body = match Json::parse(self.example.as_bytes()) {
            Ok(body) => body,
            Err(error) => return vec![Fault::new("example", format!("is no JSON: {error}"))],
        };
        let refused = |fault: Fault| Fault::new("example", format!("is refused by the fields: {fault}"));
        let mut faults: Vec<_> = check(self, &body).into_iter().map(refused).collect();
        let settings = Settings::default();
        let attempt = Attempt {
            settings: &settings,
            credentials: &|_| Some(SOMETHING),
            token: Some(SOMETHING),
            now_ms: 0,
            nonce: SOMETHING,
            boundary: SOMETHING,
            file: self.file.map(|_| File { name: SOMETHING, content_type: "application/pdf" }),
        };
        if faults.is_empty()
            && let Err(found) = prepare(self, &body, &attempt)
        {
            faults.extend(found.into_iter().map(|fault| Fault::new("example", format!("cannot be sent: {fault}"))));
        }
        if let Some((status, answer)) = &told.answer
            && read(self, &settings, *status, answer.as_bytes()) != Judgement::Success
        {
            faults.push(Fault::new("answer", "is not read as a success: mend it, or success"));
        }
        faults
    }
}
