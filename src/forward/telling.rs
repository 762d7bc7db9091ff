//! What the watcher is still to be told. A full or broken link costs time, never news: counts add up, and what is newer
//! takes the place of what is older.

use super::news::News;
use crate::clock::WallTime;
use crate::frame::{RunId, Stream};

/// News that wait for the link.
#[derive(Debug, Default)]
pub struct Telling {
    answered: Option<WallTime>,
    stored: [Option<(u64, RunId, u64)>; 3],
    lost: [u64; 3],
    refused: u64,
    posts_refused: Option<u16>,
    run_ahead: Option<RunId>,
}

impl Telling {
    /// Takes news in.
    pub fn add(&mut self, news: News) {
        match news {
            News::Answered { collector_wall } => self.answered = Some(collector_wall),
            News::Stored {
                run_number,
                run,
                stream,
                next,
            } => {
                if let Some(slot) = self.stored.get_mut(usize::from(stream.number())) {
                    *slot = Some((run_number, run, next));
                }
            }
            News::Lost { stream, count } => {
                if let Some(slot) = self.lost.get_mut(usize::from(stream.number())) {
                    *slot = slot.saturating_add(count);
                }
            }
            News::Refused { count } => self.refused = self.refused.saturating_add(count),
            News::PostsRefused { status } => self.posts_refused = Some(status),
            News::RunAhead { run } => self.run_ahead = Some(run),
        }
    }

    /// Tells what waits, until `tell` says that the link takes no more. What was told is forgotten.
    pub fn flush(&mut self, mut tell: impl FnMut(News) -> bool) {
        // First what matters most, should the link take only some of it.
        if let Some(run) = self.run_ahead
            && tell(News::RunAhead { run })
        {
            self.run_ahead = None;
        }
        for (stream, count) in Stream::SENT.into_iter().zip(&mut self.lost) {
            if *count > 0
                && tell(News::Lost {
                    stream,
                    count: *count,
                })
            {
                *count = 0;
            }
        }
        if self.refused > 0
            && tell(News::Refused {
                count: self.refused,
            })
        {
            self.refused = 0;
        }
        if let Some(status) = self.posts_refused
            && tell(News::PostsRefused { status })
        {
            self.posts_refused = None;
        }
        if let Some(collector_wall) = self.answered
            && tell(News::Answered { collector_wall })
        {
            self.answered = None;
        }
        for (stream, slot) in Stream::SENT.into_iter().zip(&mut self.stored) {
            if let Some((run_number, run, next)) = *slot
                && tell(News::Stored {
                    run_number,
                    run,
                    stream,
                    next,
                })
            {
                *slot = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: RunId = RunId(7);

    #[test]
    fn what_cannot_be_told_waits_and_adds_up() {
        let mut telling = Telling::default();
        for count in [2, 3] {
            telling.add(News::Lost {
                stream: Stream::Alerts,
                count,
            });
            telling.add(News::Refused { count });
            telling.flush(|_| false);
        }
        for next in [4, 9] {
            telling.add(News::Stored {
                run_number: 1,
                run: RUN,
                stream: Stream::Readings,
                next,
            });
        }
        let mut told = Vec::new();
        telling.flush(|news| {
            told.push(news);
            true
        });
        let expected = [
            News::Lost {
                stream: Stream::Alerts,
                count: 5,
            },
            News::Refused { count: 5 },
            News::Stored {
                run_number: 1,
                run: RUN,
                stream: Stream::Readings,
                next: 9,
            },
        ];
        assert_eq!(told, expected);
        telling.flush(|news| panic!("{news:?} is told twice"));
    }

    #[test]
    fn each_is_told_once_through_a_link_that_takes_one_at_a_time() {
        let mut telling = Telling::default();
        telling.add(News::RunAhead { run: RUN });
        telling.add(News::PostsRefused { status: 401 });
        telling.add(News::Answered {
            collector_wall: WallTime::from_millis(5),
        });
        let mut told = Vec::new();
        for _ in 0..4 {
            let mut room = 1;
            telling.flush(|news| {
                if room == 0 {
                    return false;
                }
                room -= 1;
                told.push(news);
                true
            });
        }
        let expected = [
            News::RunAhead { run: RUN },
            News::PostsRefused { status: 401 },
            News::Answered {
                collector_wall: WallTime::from_millis(5),
            },
        ];
        assert_eq!(told, expected);
    }
}
