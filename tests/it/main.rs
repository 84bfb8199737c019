//! What crosses crates: one module per flow, in one binary.

mod dynamodb;
