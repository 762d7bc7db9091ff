//! What the scout tells the watcher, as datagrams of at most 2 KiB; the watcher takes at most eight a tick.

use crate::frame::cursor::{Cut, Full, Reader, Writer};
use crate::frame::evidence::Victim;
use crate::limit::{MESSAGE_BYTES, SUBJECT_BYTES, VICTIM_GROUP_BYTES, VICTIM_NAME_BYTES};

const VICTIM: u8 = 1;

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScoutNews<'a> {
    /// The kernel killed a process for memory.
    Victim(Victim<'a>),
}

impl<'a> ScoutNews<'a> {
    /// Writes it.
    ///
    /// # Errors
    /// [`Full`]; [`MESSAGE_BYTES`] always suffice.
    pub fn encode<'b>(&self, buffer: &'b mut [u8; MESSAGE_BYTES]) -> Result<&'b [u8], Full> {
        match self {
            Self::Victim(victim) => {
                Writer::new(buffer).u8(VICTIM)?;
                let rest = buffer.get_mut(1..).ok_or(Full)?;
                let length = postcard::to_slice(victim, rest).map_err(|_| Full)?.len();
                buffer.get(..length.saturating_add(1)).ok_or(Full)
            }
        }
    }

    /// Reads it. The scout is not trusted: what is longer than it may be is refused.
    ///
    /// # Errors
    /// [`Cut`] where it is no message.
    pub fn decode(message: &'a [u8]) -> Result<Self, Cut> {
        let mut reader = Reader::new(message);
        match reader.u8()? {
            VICTIM => {
                let (victim, rest) =
                    postcard::take_from_bytes::<Victim<'a>>(reader.rest()).map_err(|_| Cut)?;
                let fits = victim.name.len() <= VICTIM_NAME_BYTES
                    && victim.group.len() <= VICTIM_GROUP_BYTES
                    && [victim.unit, victim.container]
                        .into_iter()
                        .flatten()
                        .all(|text| text.len() <= SUBJECT_BYTES);
                if rest.is_empty() && fits {
                    Ok(Self::Victim(victim))
                } else {
                    Err(Cut)
                }
            }
            _ => Err(Cut),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn victim<'a>(name: &'a [u8], group: &'a [u8]) -> ScoutNews<'a> {
        ScoutNews::Victim(Victim {
            sequence: u64::MAX,
            at_ms: 1,
            pid: 17,
            name,
            group,
            unit: Some(b"app.service"),
            ..Victim::default()
        })
    }

    #[test]
    fn a_message_comes_back_and_what_is_too_long_cut_or_strange_is_none() {
        let mut buffer = [0; MESSAGE_BYTES];
        let longest = victim(&[7; VICTIM_NAME_BYTES], &[9; VICTIM_GROUP_BYTES]);
        let bytes = longest.encode(&mut buffer).unwrap().to_vec();
        assert_eq!(ScoutNews::decode(&bytes), Ok(longest));
        for length in 0..bytes.len() {
            assert_eq!(ScoutNews::decode(&bytes[..length]), Err(Cut));
        }
        assert_eq!(ScoutNews::decode(&[&bytes[..], &[0]].concat()), Err(Cut));
        assert_eq!(ScoutNews::decode(&[0, 1, 2]), Err(Cut));
        let name = victim(&[7; VICTIM_NAME_BYTES + 1], b"");
        let group = victim(b"", &[7; VICTIM_GROUP_BYTES + 1]);
        for long in [name, group] {
            let bytes = long.encode(&mut buffer).unwrap().to_vec();
            assert_eq!(ScoutNews::decode(&bytes), Err(Cut));
        }
    }
}
