//! What the forwarder tells the watcher, as datagrams of at most 2 KiB; the watcher takes at most eight a tick.

use crate::clock::WallTime;
use crate::frame::cursor::{Cut, Full, Reader, Writer};
use crate::frame::{RunId, Stream};

/// Longest message in bytes.
pub const NEWS_BYTES: usize = 64;

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// An authenticated answer came.
    Answered {
        /// The collector's clock.
        collector_wall: WallTime,
    },
    /// Everything of this stream before `next` of this run, and all runs before it, is stored.
    Stored {
        /// Number of the run.
        run_number: u64,
        /// The run.
        run: RunId,
        /// The stream.
        stream: Stream,
        /// The next sequence wanted.
        next: u64,
    },
    /// The collector recorded frames as lost.
    Lost {
        /// The stream.
        stream: Stream,
        /// How many.
        count: u64,
    },
    /// The collector refused frames.
    Refused {
        /// How many.
        count: u64,
    },
    /// The collector knows more of this run than was ever written.
    RunAhead {
        /// The run that it knows too much of.
        run: RunId,
    },
    /// The collector refuses every post: 4xx, a configuration fault.
    PostsRefused {
        /// The status.
        status: u16,
    },
}

impl News {
    /// Writes it.
    ///
    /// # Errors
    /// [`Full`]; [`NEWS_BYTES`] always suffice.
    pub fn encode<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], Full> {
        let mut writer = Writer::new(buffer);
        match *self {
            Self::Answered { collector_wall } => {
                writer.u8(1)?;
                writer.u64(collector_wall.as_millis())?;
            }
            Self::Stored {
                run_number,
                run,
                stream,
                next,
            } => {
                writer.u8(2)?;
                writer.u64(run_number)?;
                writer.u64(run.0)?;
                writer.u8(stream.number())?;
                writer.u64(next)?;
            }
            Self::Lost { stream, count } => {
                writer.u8(3)?;
                writer.u8(stream.number())?;
                writer.u64(count)?;
            }
            Self::Refused { count } => {
                writer.u8(4)?;
                writer.u64(count)?;
            }
            Self::RunAhead { run } => {
                writer.u8(5)?;
                writer.u64(run.0)?;
            }
            Self::PostsRefused { status } => {
                writer.u8(6)?;
                writer.u64(u64::from(status))?;
            }
        }
        Ok(writer.into_written())
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`Cut`] for anything that `encode` does not write.
    pub fn decode(message: &[u8]) -> Result<Self, Cut> {
        let mut reader = Reader::new(message);
        let news = match reader.u8()? {
            1 => Self::Answered {
                collector_wall: WallTime::from_millis(reader.u64()?),
            },
            2 => Self::Stored {
                run_number: reader.u64()?,
                run: RunId(reader.u64()?),
                stream: Stream::from_number(reader.u8()?).ok_or(Cut)?,
                next: reader.u64()?,
            },
            3 => {
                let stream = Stream::from_number(reader.u8()?).ok_or(Cut)?;
                Self::Lost {
                    stream,
                    count: reader.u64()?,
                }
            }
            4 => Self::Refused {
                count: reader.u64()?,
            },
            5 => Self::RunAhead {
                run: RunId(reader.u64()?),
            },
            6 => Self::PostsRefused {
                status: u16::try_from(reader.u64()?).map_err(|_| Cut)?,
            },
            _ => return Err(Cut),
        };
        if reader.is_empty() {
            Ok(news)
        } else {
            Err(Cut)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_go_there_and_back() {
        let all = [
            News::Answered {
                collector_wall: WallTime::from_millis(u64::MAX),
            },
            News::Stored {
                run_number: 7,
                run: RunId(9),
                stream: Stream::Evidence,
                next: u64::MAX,
            },
            News::Lost {
                stream: Stream::Alerts,
                count: 3,
            },
            News::Refused { count: 1 },
            News::RunAhead { run: RunId(3) },
            News::PostsRefused { status: 401 },
        ];
        for news in all {
            let mut buffer = [0; NEWS_BYTES];
            let bytes = news.encode(&mut buffer).unwrap();
            assert_eq!(News::decode(bytes), Ok(news));
            for length in 0..bytes.len() {
                assert_eq!(News::decode(&bytes[..length]), Err(Cut));
            }
        }
        assert_eq!(News::decode(&[9; 40]), Err(Cut));
    }
}
