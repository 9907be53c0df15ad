//! A small body that unpacks to a huge one.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Returns less than 1 MiB of gzip (RFC 1952) that unpacks to 150 MiB of blanks.
pub fn gzip_bomb() -> Vec<u8> {
    static MIB: [u8; 1024 * 1024] = [b' '; 1024 * 1024];
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..150 {
        packed.write_all(&MIB).unwrap();
    }
    let packed = packed.finish().unwrap();
    assert!(packed.len() < MIB.len(), "{}", packed.len());
    packed
}
