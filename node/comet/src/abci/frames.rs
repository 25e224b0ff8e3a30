//! Length-delimited messages on a byte stream: a varint with the length, then that many bytes.
//!
//! The buffer grows with what has arrived, never with what a length promises, and every byte is copied a bounded number
//! of times however large the frame is. The memory of a large frame is freed with it.

use std::io::{self, Read};

use bytes::{Bytes, BytesMut};

/// The most bytes of one read.
const CHUNK: usize = 64 * 1024;
/// The most bytes of one read inside a large frame; never more than has arrived of it already.
const LARGE_CHUNK: usize = 1024 * 1024;
/// The longest varint of 64 bits, in bytes.
const MAX_VARINT: usize = 10;

/// The reason why the stream cannot be read on.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameError {
    /// The length is not a varint of 64 bits.
    #[error("a message starts with an impossible length")]
    Length,
    /// The frame is larger than the connection allows.
    #[error("a message of {length} bytes exceeds the limit of {limit}")]
    TooLarge {
        /// The length that the sender announces, in bytes.
        length: u64,
        /// The most bytes that are allowed.
        limit: usize,
    },
}

/// A decoder that cuts a byte stream into frames.
pub(super) struct Frames {
    buffer: BytesMut,
    limit: usize,
}

impl Frames {
    /// Makes a decoder of frames of at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { buffer: BytesMut::new(), limit }
    }

    /// Returns the next complete frame without its length, or `None` until more has arrived.
    ///
    /// # Errors
    /// [`FrameError`]; after one the stream has no next frame.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some((length, prefix)) = self.length()? else {
            return Ok(None);
        };
        if self.buffer.len().saturating_sub(prefix) < length {
            return Ok(None);
        }
        let _ = self.buffer.split_to(prefix);
        let frame = self.buffer.split_to(length).freeze();
        if length > LARGE_CHUNK {
            // The rest is copied: it would share the memory of this frame, and keep it for as long as the connection
            // lasts.
            self.buffer = BytesMut::from(&self.buffer[..]);
        }
        Ok(Some(frame))
    }

    /// Reads once what the stream has; returns the number of bytes, 0 at the end of the stream.
    ///
    /// # Errors
    /// The errors of `stream`.
    pub(super) fn fill(&mut self, stream: &mut impl Read) -> io::Result<usize> {
        let missing = match self.length() {
            Ok(Some((length, prefix))) => length.saturating_add(prefix).saturating_sub(self.buffer.len()),
            _ => 0,
        };
        let start = self.buffer.len();
        let most = start.clamp(CHUNK, LARGE_CHUNK);
        self.buffer.resize(start.saturating_add(missing.clamp(CHUNK, most)), 0);
        let read = loop {
            match stream.read(self.buffer.get_mut(start..).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(start.saturating_add(*read.as_ref().unwrap_or(&0)));
        read
    }

    /// The length of the frame at the front, and that of the varint before it.
    fn length(&self) -> Result<Option<(usize, usize)>, FrameError> {
        let mut length = 0u64;
        for (index, byte) in self.buffer.iter().take(MAX_VARINT).enumerate() {
            let bits = u64::from(byte & 0x7f);
            let shift = u32::try_from(index).unwrap_or(u32::MAX).saturating_mul(7);
            let part = bits.checked_shl(shift).unwrap_or(0);
            if part.checked_shr(shift).unwrap_or(0) != bits {
                return Err(FrameError::Length);
            }
            length |= part;
            if byte & 0x80 == 0 {
                let fits = usize::try_from(length).ok().filter(|length| *length <= self.limit);
                let length = fits.ok_or(FrameError::TooLarge { length, limit: self.limit })?;
                return Ok(Some((length, index.saturating_add(1))));
            }
        }
        if self.buffer.len() < MAX_VARINT { Ok(None) } else { Err(FrameError::Length) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

    use proptest::prelude::*;
    use prost::encoding::encode_varint;

    use super::*;

    fn framed(messages: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for message in messages {
            encode_varint(message.len() as u64, &mut bytes);
            bytes.extend(message);
        }
        bytes
    }

    /// Feeds `bytes` in pieces of at most `piece` bytes and collects the frames.
    fn cut(bytes: &[u8], piece: usize, limit: usize) -> Result<Vec<Vec<u8>>, FrameError> {
        let mut frames = Frames::new(limit);
        let mut found = Vec::new();
        for mut part in bytes.chunks(piece) {
            while !part.is_empty() {
                frames.fill(&mut part).unwrap();
            }
            while let Some(frame) = frames.next()? {
                found.push(frame.to_vec());
            }
        }
        Ok(found)
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in_however_they_are_cut(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20),
            piece in 1usize..200,
        ) {
            prop_assert_eq!(cut(&framed(&messages), piece, 1_000).unwrap(), messages);
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..100), piece in 1usize..20) {
            let _ = cut(&bytes, piece, 50);
        }
    }

    #[test]
    fn a_large_frame_arrives_whole() {
        let message = vec![7u8; 5 * 1024 * 1024];
        assert_eq!(cut(&framed(std::slice::from_ref(&message)), usize::MAX, 6 << 20).unwrap(), [message]);
    }

    #[test]
    fn a_length_alone_takes_no_memory_and_a_large_frame_leaves_none_behind() {
        let (limit, message) = (200 << 20, vec![7u8; 8 << 20]);
        let mut frames = Frames::new(limit);
        let mut bytes = Vec::new();
        encode_varint(limit as u64, &mut bytes);
        frames.fill(&mut &bytes[..]).unwrap();
        assert_eq!(frames.next(), Ok(None));
        frames.fill(&mut &[7u8; 10][..]).unwrap();
        assert!(frames.buffer.capacity() <= 4 * CHUNK, "{} bytes are taken", frames.buffer.capacity());

        let mut frames = Frames::new(limit);
        let sent = framed(&[message.clone(), vec![1, 2, 3]]);
        let mut rest = &sent[..];
        while !rest.is_empty() {
            frames.fill(&mut rest).unwrap();
        }
        assert_eq!(frames.next().unwrap().unwrap(), message);
        assert!(frames.buffer.capacity() <= 4 * CHUNK, "{} bytes are kept", frames.buffer.capacity());
        assert_eq!(frames.next().unwrap().unwrap()[..], [1, 2, 3]);
    }

    #[test]
    fn a_frame_past_the_limit_is_refused_before_it_arrives() {
        let mut bytes = Vec::new();
        encode_varint(1_001, &mut bytes);
        assert_eq!(cut(&bytes, 1, 1_000), Err(FrameError::TooLarge { length: 1_001, limit: 1_000 }));
        let mut bytes = Vec::new();
        encode_varint(u64::MAX, &mut bytes);
        assert!(matches!(cut(&bytes, 1, 1_000), Err(FrameError::TooLarge { length: u64::MAX, .. })));
    }

    #[test]
    fn a_length_that_is_no_number_is_refused() {
        assert_eq!(cut(&[0xff; 11], 11, 1_000), Err(FrameError::Length));
        assert_eq!(cut(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f], 10, 9), Err(FrameError::Length));
    }
}
