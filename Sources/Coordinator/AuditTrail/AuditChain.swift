// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
internal import Sealing

/// What ties each audit entry to all before it, so that nobody can change, leave out or insert one unseen.
///
/// The hash of an entry is SHA-256 (FIPS 180-4) over `keyfold audit v1`, the hash before (32 bytes; zeros before the
/// first), the number (8 bytes), the time in milliseconds since 1970 (8 bytes), and party, action, subject, detail and
/// request id, each as its length in bytes (4 bytes; 0xFFFFFFFF for a request id that is absent) and its UTF-8. Numbers
/// are big-endian.
public enum AuditChain {
  private static let label = Array("keyfold audit v1".utf8)

  /// The link that follows `head`. Throws `AuditError` if OpenSSL has no memory.
  public static func link(_ entry: AuditEntry, after head: AuditHead) throws(AuditError) -> AuditLink {
    let sequence = head.sequence &+ 1
    return AuditLink(sequence: sequence, entry: entry, hash: try hash(entry, sequence: sequence, after: head.hash))
  }

  /// Checks that `links` go on from `head` without a gap and answers where they end.
  ///
  /// Throws `AuditError` with the number of the first entry that does not fit.
  public static func check(_ links: some Sequence<AuditLink>, after head: AuditHead) throws(AuditError) -> AuditHead {
    var head = head
    for link in links {
      guard link.sequence == head.sequence &+ 1 else {
        throw AuditError(.gap, at: head.sequence &+ 1, "entry \(link.sequence) follows entry \(head.sequence)")
      }
      guard link.hash == (try hash(link.entry, sequence: link.sequence, after: head.hash)) else {
        throw AuditError(.changed, at: link.sequence, "its hash does not fit what it says and what stands before it")
      }
      head = link.head
    }
    return head
  }

  private static func hash(
    _ entry: AuditEntry, sequence: UInt64, after previous: AuditHash
  ) throws(AuditError) -> AuditHash {
    var bytes = label + previous.bytes
    append(sequence, to: &bytes)
    append(entry.at.milliseconds, to: &bytes)
    for text in [entry.by.description, entry.action, entry.subject, entry.detail] { append(text, to: &bytes) }
    if let id = entry.requestID { append(id, to: &bytes) } else { append(UInt32.max, to: &bytes) }
    let digest: [UInt8]
    do { digest = try MessageAuthentication.sha256(bytes) } catch {
      throw AuditError(.library, at: sequence, error.description)
    }
    guard let hash = AuditHash(digest) else { throw AuditError(.library, at: sequence, "SHA-256 has another length") }
    return hash
  }

  private static func append(_ text: String, to bytes: inout [UInt8]) {
    append(UInt32(clamping: text.utf8.count), to: &bytes)
    bytes += text.utf8
  }

  private static func append(_ number: some FixedWidthInteger, to bytes: inout [UInt8]) {
    for shift in stride(from: number.bitWidth - 8, through: 0, by: -8) {
      bytes.append(UInt8(truncatingIfNeeded: number >> shift))
    }
  }
}
