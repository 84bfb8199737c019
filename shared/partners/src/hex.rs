//! Bytes as text.

use std::fmt::{self, Write as _};

/// Bytes that print as lower-case hex digits, two for each.
#[derive(Clone, Copy, Debug)]
pub struct Hex<'b>(pub &'b [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            for half in [byte >> 4, byte & 15] {
                f.write_char(char::from_digit(u32::from(half), 16).unwrap_or_default())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_two_lower_case_digits() {
        assert_eq!(Hex(&[0, 9, 10, 0x7f, 0xff]).to_string(), "00090a7fff");
        assert_eq!(Hex(&[]).to_string(), "");
    }
}
