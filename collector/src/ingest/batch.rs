//! A batch whose mac fits, in owned form: it travels from the connection's task to the writer.

use hansho::frame::batch::{self, BatchFault, BatchHeader, SectionHeader};
use hansho::frame::seal::AgentKey;
use hansho::limit::MAC_BYTES;

/// A batch whose mac fits and whose shape is checked. There is no other way to make one than [`Self::open`].
#[derive(Clone, Debug)]
pub struct AuthenticatedBatch {
    header: BatchHeader,
    mac: [u8; MAC_BYTES],
    sections: Vec<Section>,
    length: usize,
}

/// A section.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its header.
    pub header: SectionHeader,
    /// Its frames.
    pub frames: Vec<Frame>,
}

/// A frame with the sequences that it covers.
#[derive(Clone, Debug)]
pub struct Frame {
    /// First.
    pub sequence: u64,
    /// Last: the same, but for a Loss.
    pub last: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl AuthenticatedBatch {
    /// Checks the mac, then the shape; bodies are not decoded.
    ///
    /// # Errors
    /// [`BatchFault`].
    pub fn open(bytes: &[u8], key: &AgentKey) -> Result<Self, BatchFault> {
        let opened = batch::open_batch(bytes, key)?;
        let sections = opened
            .sections()
            .map(|section| Section {
                header: section.header,
                frames: section
                    .frames()
                    .map(|numbered| Frame {
                        sequence: numbered.sequence,
                        last: numbered.last,
                        bytes: numbered.frame.to_vec(),
                    })
                    .collect(),
            })
            .collect();
        Ok(Self {
            header: opened.header,
            mac: opened.mac,
            sections,
            length: bytes.len(),
        })
    }

    /// Who sends, and when.
    #[must_use]
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// Its mac, which the answer echoes.
    #[must_use]
    pub fn mac(&self) -> [u8; MAC_BYTES] {
        self.mac
    }

    /// Its sections, in order.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// Its length on the wire.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }
}
