//! A trial of a row that came from a file: its example goes through the steps of a call, and its answer through their reading.

use super::super::{Attempt, Fault, File, Judgement, Operation, Settings, as_json, check, keys, prepare, read};
use super::{Told, told};
use crate::Json;
use crate::pulled::Answered;

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
        let unfound = self.unfound(&body);
        if unfound.len() == self.keys.len() {
            faults.extend(unfound);
        }
        if let Some((status, answer)) = &told.answer {
            faults.extend(self.answer_fault(told, *status, answer));
            faults.extend(self.brings_fault(told, &body, answer));
        }
        faults
    }

    /// The keys that the example lacks where it has another: they may be fields that are optional.
    #[must_use]
    pub fn doubts(&self) -> Vec<Fault> {
        let Ok(body) = Json::parse(self.example.as_bytes()) else { return Vec::new() };
        let unfound = if self.told.is_some() { self.unfound(&body) } else { Vec::new() };
        if unfound.len() < self.keys.len() { unfound } else { Vec::new() }
    }

    fn unfound(&self, body: &Json<'_>) -> Vec<Fault> {
        let keys = self.keys.iter().enumerate().filter(|(_, (_, path))| !keys::has(body, path));
        let fault = |(at, (_, path)): (usize, &(_, &str))| {
            let remedy = format!("finds nothing: example has no {path:?}; correct it, or give an example that has it");
            Fault::new(format!("keys[{at}].at"), remedy)
        };
        keys.map(fault).collect()
    }

    /// The reason why the answer of the file is no success.
    fn answer_fault(&self, told: &Told, status: u16, answer: &str) -> Option<Fault> {
        if read(self, &Settings::default(), status, answer.as_bytes()) == Judgement::Success {
            return None;
        }
        let Some(at) = &told.success.at else {
            let remedy = format!("has not {status}, which answer has: add it, or give the answer of a success");
            return Some(Fault::new("success.http", remedy));
        };
        let json = as_json(answer.as_bytes());
        let Ok(json) = Json::parse(&json) else {
            return Some(Fault::new("answer", "is neither JSON nor XML: give it as the partner sends it"));
        };
        Some(match told::value(&json, at) {
            Some(value) if !told.success.is.contains(&value) => {
                let remedy =
                    format!("has not {value:?}, which answer has at {at:?}: add it, or give the answer of a success");
                Fault::new("success.is", remedy)
            }
            Some(_) => Fault::new("answer", "is not read as a success: mend it, or success"),
            None => {
                let remedy = format!(
                    "finds nothing: answer has no value at {at:?}; correct it, or give the answer of a success"
                );
                Fault::new("success.at", remedy)
            }
        })
    }

    /// The reason why the answer of the file brings nothing.
    fn brings_fault(&self, told: &Told, body: &Json<'_>, answer: &str) -> Option<Fault> {
        let bringing = told.brings.as_ref()?;
        let json = as_json(answer.as_bytes());
        let json = Json::parse(&json).ok()?;
        let settings = Settings::default();
        if !self.brought(&Answered { asked: body, answer: &json, settings: &settings }).is_empty() {
            return None;
        }
        let remedy = format!(
            "finds nothing: answer has no data at {:?}; correct it, or give an answer that has it",
            bringing.at
        );
        Some(Fault::new("brings.at", remedy))
    }
}
