//! Where the next digit is in a text: most texts have few, so this is most of the work.

/// So many bytes are looked at at once; one after the other takes seven times as long.
const STEP: usize = size_of::<u64>();

/// The place of the first digit at or behind `from`.
pub(crate) fn next(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(step) = text.get(at..)?.first_chunk() {
        if may_hold_digit(*step)
            && let Some(place) = step.iter().position(u8::is_ascii_digit)
        {
            return Some(at + place);
        }
        at += STEP;
    }
    let place = text[at..].iter().position(u8::is_ascii_digit)?;
    Some(at + place)
}

/// False if no byte is of `0` to `?`, which are the digits and six signs.
fn may_hold_digit(step: [u8; STEP]) -> bool {
    let each = |byte| u64::from_ne_bytes([byte; STEP]);
    // A byte becomes zero where its upper half is that of a digit; and some byte is zero exactly if
    // subtracting one from each sets an uppermost bit that was not set.
    let zeros = (u64::from_ne_bytes(step) & each(0xf0)) ^ each(b'0');
    zeros.wrapping_sub(each(1)) & !zeros & each(0x80) != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_digit_is_found(text in "[a-z/:é ]{0,20}[0-9/:é]{0,20}", from in 0_usize..40) {
            let digits = text.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_digit());
            let expected = digits.map(|(place, _)| place).find(|place| *place >= from);
            prop_assert_eq!(next(text.as_bytes(), from), expected);
        }

        #[test]
        fn a_step_is_looked_into_exactly_where_it_has_such_a_byte(step: [u8; STEP]) {
            let has = step.iter().any(|byte| (b'0'..=b'?').contains(byte));
            prop_assert_eq!(may_hold_digit(step), has);
        }
    }
}
